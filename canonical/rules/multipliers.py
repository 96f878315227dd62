"""Overtime, weekend and holiday multipliers, and whether they stack (F11)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from math import prod
from typing import NamedTuple

from canonical.terms.policies import Multipliers, Stacking

ONE = Decimal(1)
ZERO = Decimal(0)


class Segment(NamedTuple):
    """A part of an entry's hours at one factor on the rate."""

    quantity: Decimal
    factor: Decimal
    label: str
    """Why, e.g. `overtime 1.5x`; empty for plain hours."""


class Premiums(NamedTuple):
    """What an hour of one day is multiplied by, within the day's plain hours and beyond them."""

    plain: Decimal
    plain_label: str
    over: Decimal
    over_label: str


def premiums_on(policy: Multipliers, work_date: date) -> Premiums:
    """The premiums of a day, stacked as the policy says."""
    day = _day_factors(policy, work_date)
    return Premiums(
        *_combined(policy.stacking, day),
        *_combined(policy.stacking, [*day, ("overtime", policy.overtime)]),
    )


def segments(
    policy: Multipliers, premiums: Premiums, quantity: Decimal, hours_before: Decimal
) -> list[Segment]:
    """The parts of an entry, when the person worked `hours_before` on that day already."""
    plain, over = _split_overtime(policy, quantity, hours_before)
    if not plain:
        return [Segment(quantity, premiums.over, premiums.over_label)]
    if not over or premiums.plain == premiums.over:
        return [Segment(quantity, premiums.plain, premiums.plain_label)]
    return [
        Segment(plain, premiums.plain, premiums.plain_label),
        Segment(over, premiums.over, premiums.over_label),
    ]


def _day_factors(policy: Multipliers, work_date: date) -> list[tuple[str, Decimal]]:
    factors: list[tuple[str, Decimal]] = []
    if work_date in policy.holidays:
        factors.append(("holiday", policy.holiday))
    if work_date.isoweekday() in policy.weekend_days:
        factors.append(("weekend", policy.weekend))
    return factors


def _split_overtime(
    policy: Multipliers, quantity: Decimal, hours_before: Decimal
) -> tuple[Decimal, Decimal]:
    if policy.daily_over is None:
        return quantity, ZERO
    plain = min(quantity, max(policy.daily_over - hours_before, ZERO))
    return plain, quantity - plain


def _combined(stacking: Stacking, factors: list[tuple[str, Decimal]]) -> tuple[Decimal, str]:
    premiums = [(label, factor) for label, factor in factors if factor != ONE]
    if not premiums:
        return ONE, ""
    if stacking is Stacking.HIGHEST_ONLY:
        label, factor = max(premiums, key=lambda premium: premium[1])
        return factor, f"{label} {_plain(factor)}x"
    values = [factor for _, factor in premiums]
    multiplied = stacking is Stacking.MULTIPLY
    factor = prod(values, start=ONE) if multiplied else ONE + sum(value - ONE for value in values)
    return factor, f"{' and '.join(label for label, _ in premiums)} {_plain(factor)}x"


def _plain(factor: Decimal) -> str:
    return f"{factor.normalize():f}"
