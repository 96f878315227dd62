"""The one net position of a contract: an asset (1200) or a liability (2200), never both.

A billing clears the asset first, then credits the liability; revenue clears the liability first,
then debits the asset; falls go the other way (convention 11).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from canonical.ledger.accounts import Account
from canonical.ledger.open_items import ItemQueue, OpenItem
from canonical.money import round_half_up

ZERO = Decimal(0)


class Movement(NamedTuple):
    """A change of 1200 or 2200 in a period; debits are positive."""

    account: Account
    period: str
    document: Decimal
    carried: Decimal
    """In the functional currency."""


class Moved(NamedTuple):
    """What one posting did to a position."""

    own: tuple[Movement, ...]
    later: tuple[Movement, ...]
    """Reclassifications in later periods, so that each period shows one side only."""
    cleared_rates: frozenset[Decimal]
    """The rates of the items that were cleared."""


@dataclass(slots=True)
class Position:
    """One contract in one entity's books and one document currency."""

    step: Decimal
    """The functional currency's minor unit."""
    foreign: bool
    opening: Decimal = ZERO
    movements: dict[str, Decimal] = field(default_factory=dict)
    """Net change by period; the opening balance is in the period before all others."""
    assets: ItemQueue = field(default_factory=ItemQueue)
    liabilities: ItemQueue = field(default_factory=ItemQueue)

    def open_with(self, balance: Decimal, rate: Decimal) -> None:
        """Start from an opening balance; debits are positive."""
        self.opening = balance
        self.movements[""] = balance
        item = OpenItem(abs(balance), round_half_up(abs(balance) * rate, self.step), rate)
        (self.assets if balance > 0 else self.liabilities).add(item)

    @property
    def net(self) -> Decimal:
        """More than zero: an asset."""
        return sum(self.movements.values(), ZERO)

    def net_at(self, period: str) -> Decimal:
        """At the end of a period."""
        return sum((move for each, move in self.movements.items() if each <= period), ZERO)

    def post(self, change: Decimal, period: str, rate: Decimal) -> Moved:
        """Revenue and credits change it upward, billings downward. `rate` is that of what arises;
        what is cleared keeps its own."""
        if self.foreign:
            return self._post_foreign(change, period, rate)
        before = self._ends()
        self.movements[period] = self.movements.get(period, ZERO) + change
        moved = _differences(before, self._ends(), sorted(self.movements))
        own = tuple(each for each in moved if each.period == period)
        later = tuple(each for each in moved if each.period != period)
        return Moved(own, later, frozenset())

    def _ends(self) -> dict[str, Decimal]:
        """The net position at the end of each period that has movements."""
        ends, sofar = {}, ZERO
        for period in sorted(self.movements):
            sofar += self.movements[period]
            ends[period] = sofar
        return ends

    def _post_foreign(self, change: Decimal, period: str, rate: Decimal) -> Moved:
        """In a foreign currency items are cleared in the order of posting, whatever the period."""
        self.movements[period] = self.movements.get(period, ZERO) + change
        rises = change > 0
        against, toward = (
            (self.liabilities, self.assets) if rises else (self.assets, self.liabilities)
        )
        sign = Decimal(1) if rises else Decimal(-1)
        cleared = min(abs(change), against.document)
        carried, rates = against.settle(cleared, self.step)
        rest = abs(change) - cleared
        arisen = round_half_up(rest * rate, self.step)
        toward.add(OpenItem(rest, arisen, rate))
        names = (Account.CONTRACT_LIABILITY, Account.CONTRACT_ASSET)
        first, second = names if rises else reversed(names)
        own = (
            Movement(first, period, sign * cleared, sign * carried),
            Movement(second, period, sign * rest, sign * arisen),
        )
        return Moved(tuple(each for each in own if each.document), (), frozenset(rates))


def _differences(
    before: dict[str, Decimal], after: dict[str, Decimal], periods: list[str]
) -> list[Movement]:
    """The movements of both accounts, per period, that lead from one history of net positions to
    another."""
    moved: list[Movement] = []
    history_before, history_after = [ZERO], [ZERO]
    for period in periods:
        history_before.append(before.get(period, history_before[-1]))
        history_after.append(after[period])
    steps = zip(periods, pairwise(history_before), pairwise(history_after), strict=True)
    for period, (old_start, old_end), (new_start, new_end) in steps:
        for account, side in (
            (Account.CONTRACT_ASSET, max),
            (Account.CONTRACT_LIABILITY, min),
        ):
            old = side(old_end, ZERO) - side(old_start, ZERO)
            change = side(new_end, ZERO) - side(new_start, ZERO) - old
            if change:
                moved.append(Movement(account, period, change, change))
    return moved
