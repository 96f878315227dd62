"""Open items: an amount of a document with its carrying amount in the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from canonical.errors import RuleViolation
from canonical.money import round_half_up

ZERO = Decimal(0)


@dataclass(slots=True)
class OpenItem:
    """What is left of one item, in its own currency and as the ledger carries it."""

    document: Decimal
    carried: Decimal
    rate: Decimal
    """Functional currency per unit of the item's currency, on the day it arose."""

    def settle(self, part: Decimal, step: Decimal) -> Decimal:
        """Take `part` out and return what the ledger carried for it: round(part x the item's
        rate), and for the last part all that is left."""
        if part > self.document:
            raise RuleViolation(f"{part} is more than the {self.document} that is open")
        last = part == self.document
        carried = self.carried if last else round_half_up(part * self.rate, step)
        self.document -= part
        self.carried -= carried
        return carried


@dataclass(slots=True)
class ItemQueue:
    """Items of one account and contract, settled oldest first."""

    items: list[OpenItem] = field(default_factory=list)

    def add(self, item: OpenItem) -> None:
        if item.document:
            self.items.append(item)

    def settle(self, part: Decimal, step: Decimal) -> tuple[Decimal, set[Decimal]]:
        """What the ledger carried for `part`, and the rates at which it did."""
        carried, rates, left = ZERO, set[Decimal](), part
        while left > 0:
            if not self.items:
                raise RuleViolation(f"{part} is more than what is open")
            item = self.items[0]
            taken = min(left, item.document)
            carried += item.settle(taken, step)
            rates.add(item.rate)
            left -= taken
            if not item.document:
                self.items.pop(0)
        return carried, rates

    @property
    def document(self) -> Decimal:
        return sum((item.document for item in self.items), ZERO)

    @property
    def carried(self) -> Decimal:
        return sum((item.carried for item in self.items), ZERO)
