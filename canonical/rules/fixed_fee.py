"""Fixed fee: billing follows its schedule, whatever the revenue does (F05)."""

from __future__ import annotations

from canonical.rules.pricing import Fee, LineFacts
from canonical.terms.lines import FixedFeeLine

METHOD = "fixed_fee"


def fees(line: FixedFeeLine, facts: LineFacts) -> list[Fee]:
    """One fee per schedule item that is due."""
    return [
        Fee(item.item_id, item.due_on, item.amount, item.description or f"schedule {item.item_id}")
        for item in line.schedule
        if item.due_on <= facts.through
    ]
