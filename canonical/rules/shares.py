"""Several payers: an entry's amount and quantity, split so that the parts add up (convention 6)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from canonical.money import QUANTITY_STEP, allocate


class Share(NamedTuple):
    """One payer's part."""

    quantity: Decimal
    amount: Decimal


def shares(
    quantity: Decimal, amount: Decimal, weights: Sequence[Decimal], step: Decimal
) -> list[Share]:
    """Rounded down, left-over units to the largest remainders, ties in listed order."""
    if len(weights) == 1:
        return [Share(quantity, amount)]
    quantities = allocate(quantity, weights, QUANTITY_STEP)
    return list(map(Share, quantities, allocate(amount, weights, step)))


def rest_shares(
    quantity: Decimal,
    amount: Decimal,
    weights: Sequence[Decimal],
    left: Sequence[Share],
    step: Decimal,
) -> list[Share]:
    """A part of an entry of which some is billed: by the shares, unless a payer has less left
    than that; then by what each has left."""
    proposed = shares(quantity, amount, weights, step)
    if _within(proposed, left):
        return proposed
    return [
        Share(*part)
        for part in zip(
            allocate(quantity, [share.quantity for share in left], QUANTITY_STEP),
            allocate(amount, [share.amount for share in left], step),
            strict=True,
        )
    ]


def _within(parts: Sequence[Share], left: Sequence[Share]) -> bool:
    return all(
        part.quantity <= most.quantity and part.amount <= most.amount
        for part, most in zip(parts, left, strict=True)
    )
