"""Time and materials: approved hours at the rate of their role on the WORK date (convention 7)."""

from __future__ import annotations

from collections.abc import Sequence

from canonical.billing import BillingTransaction, RunOutcome
from canonical.contract import TimeAndMaterialsLine
from canonical.errors import RateMissing
from canonical.rules.context import RatedItem, RuleContext
from canonical.work import TimeEntry

METHOD = "time_and_materials"


def bill(
    line: TimeAndMaterialsLine, items: Sequence[RatedItem], context: RuleContext
) -> RunOutcome:
    """One transaction per entry. Raises RateMissing for a role or date that no rate row covers."""
    return RunOutcome(transactions=tuple(_price(line, rated, context) for rated in items))


def _price(
    line: TimeAndMaterialsLine, rated: RatedItem, context: RuleContext
) -> BillingTransaction:
    item = rated.item
    if not isinstance(item, TimeEntry):
        raise AssertionError(f"{item.id} is no time entry")
    role = context.entity.role_named(item.role)
    if role is None:
        raise RateMissing(
            line_id=line.line_id,
            role=item.role or "(none)",
            work_date=item.work_date,
            item=f"{item.source}/{item.external_id}",
        )
    row = line.rate_for(role, item.work_date, f"{item.source}/{item.external_id}")
    return context.transaction(
        rated,
        line_id=line.line_id,
        tax_code=line.tax_code,
        rate=row.rate,
        basis=row.row,
        role=role,
    )
