"""How a part is said: how much, where it is, and by whom it waits."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from canonical.errors import Role
from canonical.money import Money
from canonical.why.model import WhyLine, WhyState
from canonical.work import Expense, TimeEntry

NOBODY = ""


class Told(NamedTuple):
    """A part before it is a sentence."""

    state: WhyState
    quantity: Decimal
    because: str
    waits_for: str = NOBODY
    acts: Role | None = None
    next_step: str = ""
    amount: Money | None = None
    document: str = ""
    detail: tuple[tuple[str, str], ...] = ()


def line_of(item: TimeEntry | Expense, told: Told) -> WhyLine:
    amounts = [measure(item, told.quantity)] if told.quantity else []
    amounts += [str(told.amount)] if told.amount is not None else []
    return WhyLine(
        state=told.state,
        quantity=told.quantity,
        unit=unit_of(item),
        amount=told.amount,
        sentence=f"{', '.join(amounts)}: {told.because}. {_waiting(told)}.",
        waits_for=told.waits_for,
        acts=told.acts,
        next_step=told.next_step,
        document=told.document,
        detail=dict(told.detail),
    )


def _waiting(told: Told) -> str:
    who = told.waits_for or "nobody"
    if told.acts is not None and told.acts.words != who:
        who += f" ({told.acts.words})"
    return f"It waits for {who}" + (f": {told.next_step}" if told.next_step else "")


def unit_of(item: TimeEntry | Expense) -> str:
    return "h" if isinstance(item, TimeEntry) else "expense"


def measure(item: TimeEntry | Expense, quantity: Decimal) -> str:
    """`7.5 h`; an expense is one, and a cap may cut it."""
    plain = f"{quantity.normalize():f}"
    if isinstance(item, TimeEntry):
        return f"{plain} h"
    return "the expense" if quantity == 1 else f"{plain} of the expense"


def minutes(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
