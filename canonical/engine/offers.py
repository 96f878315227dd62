"""Offers: what of a contract's entries may be billed, priced once and kept between looks.

An entry is priced again only when something was heard of it or taken of it; `offering` does that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from operator import itemgetter
from typing import NamedTuple

from canonical.contract import ContractLine, ContractVersion
from canonical.engine.rows import Charge, Column, Held, Taken
from canonical.rules.pricing import Price, Work


class Frame(NamedTuple):
    """What all prices of one line, version and kind have in common."""

    line: ContractLine
    version: ContractVersion
    customers: tuple[str, ...]
    """Who pays, with its weight and its column."""
    weights: tuple[Decimal, ...]
    columns: tuple[Column, ...]
    step: Decimal
    """The minor unit of the invoice's currency."""
    contract_step: Decimal
    is_overage: bool
    """On a retainer: what is priced depends on what the allowance covered."""
    fx: Decimal | None
    """Invoice currency per unit of contract currency; None: they are the same."""


LONG_AGO = datetime.combine(date.min, time.min)
Order = tuple[date, datetime, str, int]
"""The order of consumption (convention 8); the last is the portion."""


class Offer(NamedTuple):
    """A portion of an entry, or a fee, with what of it is left to bill."""

    order: Order
    price: Price
    frame: Frame
    full: tuple[Taken, ...]
    """Each payer's share, were nothing taken yet."""
    left: tuple[Taken, ...]
    whole: Taken
    """The sum of what is left."""


@dataclass(slots=True)
class Look:
    """One look at some contracts on one day."""

    run_on: date
    before: Mapping[str, Decimal]
    """What of each limit was consumed."""
    consumed: Mapping[str, Decimal]
    """The same, with what may be charged now."""
    fees: Sequence[Offer]
    charges: list[Charge] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)

    def is_of(self, run_on: date, consumed: Mapping[str, Decimal], fees: Sequence[Offer]) -> bool:
        return (self.run_on, self.before, self.fees) == (run_on, consumed, fees)


Day = tuple[str, date]
"""Person and date: the hours of such a day count together towards overtime."""


@dataclass(slots=True)
class Offers:
    """The offers of one contract, by entry; of an entry that is billed whole there are none."""

    by_entry: dict[str, tuple[Offer, ...]] = field(default_factory=dict)
    """All portions of an entry, as long as anything is left of one of them."""
    held: dict[str, Held] = field(default_factory=dict)
    """Entries that no line takes, or that wait for a retainer's hours."""
    frames: dict[tuple[int, str, str], Frame] = field(default_factory=dict)
    rates: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    """The day's rates that the frames hold."""
    days: dict[Day, list[str]] = field(default_factory=dict)
    """Under multipliers: the entries of a day."""
    day_of: dict[str, Day] = field(default_factory=dict)
    before: dict[str, Decimal] = field(default_factory=dict)
    """The hours before each of them, as it was priced with them."""
    heard: set[str] = field(default_factory=set)
    """Entries to price again."""
    touched: set[str] = field(default_factory=set)
    """Entries of which something was taken or given back."""
    latest_work: date = date.min
    latest_approval: datetime = LONG_AGO
    """No entry that was ever heard is later than these."""
    in_order: list[Offer] | None = None
    """All offers in the order of consumption; made when it is asked for."""
    last: Look | None = None
    """The last look at all of it, while nothing has changed since."""

    def ordered(self) -> list[Offer]:
        if self.in_order is None:
            found = [offer for offers in self.by_entry.values() for offer in offers]
            found.sort(key=itemgetter(0))
            self.in_order = found
        return self.in_order

    def note_latest(self, works: Iterable[Work]) -> None:
        for work in works:
            if work.work_date > self.latest_work:
                self.latest_work = work.work_date
            if work.approved_at > self.latest_approval:
                self.latest_approval = work.approved_at

    def put(self, entry: str, offers: tuple[Offer, ...]) -> None:
        """Keep an entry's offers, or none when nothing is left of it."""
        self.in_order = self.last = None
        for offer in offers:
            if offer.whole.quantity:
                self.by_entry[entry] = offers
                return
        self.by_entry.pop(entry, None)
