"""Write-down and write-up: records with reason, person and approval; realisation by value.

A write-up re-prices existing hours and never adds hours; only the difference is the write-up.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.errors import RuleViolation
from canonical.money import round_half_up

FINANCE = "finance"
HUNDRED = Decimal(100)
CENT = Decimal("0.01")


class Approved(NamedTuple):
    """One approval."""

    by: str
    role: str
    on: date


def effective_on(
    requested_by: str,
    approvals: Sequence[Approved],
    amount: Decimal,
    second_above: Decimal | None,
    requested_on: date,
) -> date | None:
    """The day of the last required approval, or None while one is missing.

    Nobody approves their own change; above the threshold a second person is from finance.
    Raises RuleViolation when the requester is among the approvers.
    """
    if any(approval.by == requested_by for approval in approvals):
        raise RuleViolation(f"{requested_by} cannot approve a change of their own")
    if second_above is None or amount <= second_above:
        return min((approval.on for approval in approvals), default=None)
    finance = sorted(each.on for each in approvals if each.role == FINANCE)
    people = {approval.by for approval in approvals}
    if not finance or len(people) < 2:
        return None
    others = sorted(each.on for each in approvals)
    return max(finance[0], others[1], requested_on)


def percent_of(value: Decimal, standard: Decimal) -> Decimal | None:
    """A percentage of the standard value, half-up at two decimals; None when there is none."""
    return None if not standard else round_half_up(value * HUNDRED / standard, CENT)
