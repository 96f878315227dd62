"""A labour discount: computed once on the labour total, allocated so that the lines add up
(F11)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from canonical.money import allocate, round_half_up

HUNDRED = Decimal(100)


def discounts(amounts: Sequence[Decimal], percent: Decimal, step: Decimal) -> list[Decimal]:
    """The discount of each amount; together round(total x percent)."""
    whole = sum(amounts, Decimal(0))
    if not percent or not whole:
        return [Decimal(0)] * len(amounts)
    return allocate(round_half_up(whole * percent / HUNDRED, step), amounts, step)
