"""What pricing rules take and give: approved work in, priced portions and fees out.

These are named tuples, not models: a billing run makes one per entry, and a million of them must
not cost validation twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

from canonical.contract import ContractLine, ContractVersion
from canonical.terms.policies import ChargeKind


class ExpenseCost(NamedTuple):
    """What an expense cost, in its own currency."""

    category: str
    net: Decimal
    vat: Decimal
    recoverable_vat: Decimal
    currency: str
    units: Decimal
    """Kilometres, days or nights; 1 for a thing bought."""
    disbursement: bool
    """Paid as the client's agent."""
    rate: Decimal
    """Contract currency per unit of the expense's currency."""

    @property
    def after_recovery(self) -> Decimal:
        """Net cost with the VAT that cannot be recovered."""
        return self.net + self.vat - self.recoverable_vat


class Work(NamedTuple):
    """One approved entry: hours of a person, or an expense (quantity 1)."""

    id: str
    contract: str
    kind: ChargeKind
    work_date: date
    approved_at: datetime
    quantity: Decimal
    person: str = ""
    role: str = ""
    task: str = ""
    line: str = ""
    """The contract line, when the source says it; otherwise the first that takes such work."""
    entity: str = ""
    """The legal entity that did the work; empty: the one that bills."""
    billable: bool = True
    in_caps: bool = True
    description: str = ""
    expense: ExpenseCost | None = None
    hours_before: Decimal | None = None
    """What its person worked before it on its day, as a look found it; it counts towards
    overtime."""

    def after(self, hours: Decimal) -> Work:
        """Told what was worked before it."""
        return Work(*self[:-1], hours)

    def order(self) -> tuple[date, datetime, str]:
        """The order of consumption (convention 8)."""
        return self.work_date, self.approved_at, self.id


class Tariff(NamedTuple):
    """At what rate a unit is billed, and why; many portions share one."""

    rate: Decimal
    """Contract currency per unit, never rounded."""
    basis: str
    beaten: tuple[str, ...] = ()
    """The rate rows that would have applied, had none stronger been there."""
    description: str = ""


class Price(NamedTuple):
    """A portion of an entry at one rate, before anything is billed or cut."""

    work: Work
    portion: int
    quantity: Decimal
    tariff: Tariff

    @property
    def rate(self) -> Decimal:
        return self.tariff.rate

    @property
    def description(self) -> str:
        return self.tariff.description


class Fee(NamedTuple):
    """An amount that falls due by the contract itself, not by work."""

    key: str
    """Its business key: one line never bills one key twice."""
    due_on: date
    amount: Decimal
    """In contract currency."""
    description: str


class Evidence(NamedTuple):
    """Who accepted a milestone, when, and the hash of the accepted document."""

    milestone: str
    accepted_by: str
    accepted_on: date
    document_hash: str


class LineFacts(NamedTuple):
    """What a fee rule is told: how far billing goes, and what was accepted."""

    through: date
    closed_on: date | None
    acceptances: Mapping[str, Evidence]


class WorkRule(Protocol):
    """A rule that prices entries."""

    METHOD: str

    def prices(
        self, line: ContractLine, version: ContractVersion, works: Sequence[Work]
    ) -> list[Price]: ...


class FeeRule(Protocol):
    """A rule that makes fees fall due."""

    METHOD: str

    def fees(self, line: ContractLine, facts: LineFacts) -> list[Fee]: ...
