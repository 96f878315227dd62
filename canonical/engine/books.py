"""The state of the fold: what was heard, what was billed, what was posted.

Only the steps of `engine` change it, while they fold a story; `tell` returns an immutable result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.contract import ContractVersion
from canonical.engine.contract_book import ContractBook as ContractBook
from canonical.engine.contract_book import Disbursed as Disbursed
from canonical.engine.contract_book import FeeLine as FeeLine
from canonical.engine.contracts import Terms
from canonical.engine.rows import (
    Case,
    Document,
    Intercompany,
    Recognised,
    Standing,
    Transaction,
)
from canonical.errors import RuleViolation
from canonical.ledger.entity import EntityTerms
from canonical.ledger.journal import Journal
from canonical.ledger.open_items import ItemQueue, OpenItem
from canonical.ledger.position import Position
from canonical.money import minor_unit, reciprocal

ZERO = Decimal(0)


class Settled(NamedTuple):
    """A part of an invoice that is open no more."""

    amount: Decimal
    payment: str = ""
    """Cash, or what the customer deducted from it and is discharged of; empty: written off."""


@dataclass(slots=True)
class Receivable:
    """An invoice's open item; a credit note moves the item of the invoice that it credits."""

    item: OpenItem
    gross: Decimal
    opening: Decimal = ZERO
    """What the ledger carried for it before the story began."""
    disputes: dict[str, Decimal] = field(default_factory=dict)
    settled: list[Settled] = field(default_factory=list)
    """Oldest first; credits are not among them."""

    @property
    def disputed(self) -> Decimal:
        """Never more than what is open."""
        return min(sum(self.disputes.values(), ZERO), self.item.document)


@dataclass(slots=True)
class Cash:
    """A payment's unapplied rest, a liability with its own rate."""

    payment: str
    entity: str
    customer: str
    contract: str
    """Of the first invoice it was for: 2400 is shown with it."""
    currency: str
    item: OpenItem
    freed_by: str = ""
    """The invoice whose credit freed it: applied to the rebill first."""


@dataclass(slots=True)
class Books:
    """Everything."""

    entities: dict[str, EntityTerms]
    contracts: dict[str, ContractBook]
    transactions: dict[str, Transaction] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    of_document: dict[str, list[str]] = field(default_factory=dict)
    """Transactions of an invoice and of its credits, by the invoice's id."""
    consumed: dict[str, Decimal] = field(default_factory=dict)
    """Of each limit: proven from the transactions by `invariants`."""
    telling: int | None = None
    """The number of the event that is told, for whoever is refused."""
    counted: dict[str, tuple[tuple[str, Decimal], ...]] = field(default_factory=dict)
    """What transactions take of limits that came after they were billed, by transaction."""
    journals: list[Journal] = field(default_factory=list)
    positions: dict[tuple[str, str, str], Position] = field(default_factory=dict)
    retentions: dict[tuple[str, str, str], ItemQueue] = field(default_factory=dict)
    receivables: dict[str, Receivable] = field(default_factory=dict)
    cash: dict[str, Cash] = field(default_factory=dict)
    spot: dict[tuple[str, str], dict[date, Decimal]] = field(default_factory=dict)
    locked: dict[str, str] = field(default_factory=dict)
    """The last closed period, by entity."""
    revaluations: list[tuple[date, str, int]] = field(default_factory=list)
    """Journals to reverse: on which day, of which item, which number."""
    standings: list[Standing] = field(default_factory=list)
    schedule: list[Recognised] = field(default_factory=list)
    intercompany: list[Intercompany] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)
    """Deliveries that were heard, by kind and content."""

    def contract(self, name: str) -> ContractBook:
        """The contract named, or the only one. Raises RuleViolation when it is not known."""
        if not name and len(self.contracts) == 1:
            return next(iter(self.contracts.values()))
        if name not in self.contracts:
            known = ", ".join(self.contracts)
            raise RuleViolation(f"contract {name or '(none)'} is not known (there is {known})")
        return self.contracts[name]

    def entity(self, code: str) -> EntityTerms:
        if code not in self.entities:
            raise RuleViolation(f"legal entity {code!r} is not known")
        return self.entities[code]

    def document(self, name: str) -> Document:
        if name not in self.documents:
            raise RuleViolation(f"invoice {name!r} is not known")
        return self.documents[name]

    def receivable(self, invoice: str) -> Receivable:
        if invoice not in self.receivables:
            raise RuleViolation(f"invoice {invoice!r} has no receivable: it is not posted")
        return self.receivables[invoice]

    def rate(self, currency: str, entity: EntityTerms, day: date) -> Decimal:
        """Functional currency per unit of `currency`, by the last rate on or before a day."""
        return self.cross(currency, entity.currency, day)

    def cross(self, currency: str, into: str, day: date) -> Decimal:
        """Raises RuleViolation when no rate is known yet."""
        rate = self.known_rate(currency, into, day)
        if rate is None:
            raise RuleViolation(f"there is no rate {currency}/{into} on or before {day}; state it")
        return rate

    def known_rate(self, currency: str, into: str, day: date) -> Decimal | None:
        """By the last rate on or before a day, in either direction; None before the first one."""
        if currency == into:
            return Decimal(1)
        for pair, inverse in (((currency, into), False), ((into, currency), True)):
            known = [on for on in self.spot.get(pair, {}) if on <= day]
            if known:
                rate = self.spot[pair][max(known)]
                return reciprocal(rate) if inverse else rate
        return None

    def exchange(self, on: date) -> Callable[[str, str], Decimal]:
        """The rates of a day, from one currency into another."""
        return lambda currency, into: self.cross(currency, into, on)

    def position(self, entity: EntityTerms, contract: str, currency: str) -> Position:
        key = (entity.code, contract, currency)
        if key not in self.positions:
            self.positions[key] = Position(
                step=minor_unit(entity.currency), foreign=currency != entity.currency
            )
        return self.positions[key]

    def is_open(self, entity: str, period: str) -> bool:
        return period > self.locked.get(entity, "")


def new_books(entities: list[EntityTerms], versions: list[ContractVersion]) -> Books:
    """Books without a story."""
    by_contract: dict[str, list[ContractVersion]] = {}
    for version in versions:
        by_contract.setdefault(version.contract_id, []).append(version)
    go_lives = {entity.code: entity.go_live for entity in entities}
    return Books(
        entities={entity.code: entity for entity in entities},
        contracts={name: ContractBook(Terms(mine, go_lives)) for name, mine in by_contract.items()},
    )
