"""Tax of a document: both modes, prices with and without tax, and credits that end at zero.

Conventions 3 to 5; EN 16931 BR-CO-10, BR-CO-15, BR-CO-17.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from canonical.contract import TaxMode
from canonical.invoice import TaxCategory
from canonical.money import allocate, round_half_up

ZERO = Decimal(0)


class TaxKey(NamedTuple):
    """What makes a tax row."""

    code: str
    jurisdiction: str
    category: TaxCategory
    rate: Decimal
    reason: str = ""


class TaxAmount(NamedTuple):
    """One tax row of a document."""

    key: TaxKey
    base: Decimal
    amount: Decimal


class PricedLine(NamedTuple):
    """A line's price: net, or gross where prices hold the tax. Without a key it has no tax row."""

    price: Decimal
    key: TaxKey | None


class Taxed(NamedTuple):
    """The nets of the lines, in their order, and the tax rows."""

    nets: tuple[Decimal, ...]
    rows: tuple[TaxAmount, ...]


def tax_document(
    lines: Sequence[PricedLine], mode: TaxMode, inclusive: bool, step: Decimal
) -> Taxed:
    """Net + tax = the fixed gross where prices hold the tax; otherwise the net is fixed."""
    nets = [line.price for line in lines]
    rows: list[TaxAmount] = []
    for key, positions in _by_key(lines).items():
        prices = [lines[position].price for position in positions]
        split = _inclusive if inclusive else _exclusive
        group, tax = split(prices, key.rate, mode, step)
        for position, net in zip(positions, group, strict=True):
            nets[position] = net
        rows.append(TaxAmount(key, sum(group, ZERO), tax))
    return Taxed(tuple(nets), tuple(rows))


def _by_key(lines: Sequence[PricedLine]) -> dict[TaxKey, list[int]]:
    groups: dict[TaxKey, list[int]] = {}
    for position, line in enumerate(lines):
        if line.key is not None:
            groups.setdefault(line.key, []).append(position)
    return groups


def _exclusive(
    prices: list[Decimal], rate: Decimal, mode: TaxMode, step: Decimal
) -> tuple[list[Decimal], Decimal]:
    bases = [sum(prices, ZERO)] if mode is TaxMode.PER_RATE_TOTAL else prices
    return prices, sum((round_half_up(base * rate, step) for base in bases), ZERO)


def _inclusive(
    prices: list[Decimal], rate: Decimal, mode: TaxMode, step: Decimal
) -> tuple[list[Decimal], Decimal]:
    gross = sum(prices, ZERO)
    if mode is TaxMode.PER_LINE:
        nets = [round_half_up(price / (1 + rate), step) for price in prices]
    else:
        nets = _largest_remainder(prices, round_half_up(gross / (1 + rate), step), step)
    return nets, gross - sum(nets, ZERO)


def _largest_remainder(prices: list[Decimal], net: Decimal, step: Decimal) -> list[Decimal]:
    """The net of the whole, given to the lines by their price; signs may differ among them."""
    if all(price >= 0 for price in prices) and any(prices):
        return allocate(net, prices, step)
    ratio = net / whole if (whole := sum(prices, ZERO)) else ZERO
    nets = [round_half_up(price * ratio, step) for price in prices]
    largest = max(range(len(prices)), key=lambda position: abs(prices[position]))
    nets[largest] += net - sum(nets, ZERO)
    return nets


def credited_tax(
    before: Mapping[TaxKey, TaxAmount], after: Mapping[TaxKey, TaxAmount]
) -> tuple[TaxAmount, ...]:
    """The rows of a credit: the document's before, minus what is left after (convention 5).

    Negative, so that any series of partial credits ends exactly at zero.
    """
    rows = []
    for key, row in before.items():
        left = after.get(key, TaxAmount(key, ZERO, ZERO))
        rows.append(TaxAmount(key, left.base - row.base, left.amount - row.amount))
    new = [row for key, row in after.items() if key not in before]
    return tuple(row for row in (*rows, *new) if row.base or row.amount)
