"""The state of the fold: what was heard, what was billed, what was posted.

Only the steps of `engine` change it, while they fold a story; `tell` returns an immutable result.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from canonical.contract import ContractVersion
from canonical.engine.contracts import Terms
from canonical.engine.rows import (
    Case,
    Document,
    Held,
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
from canonical.money import minor_unit, reciprocal, round_half_up
from canonical.rules.pricing import Evidence, Work
from canonical.rules.progress import Baseline, Report
from canonical.rules.retainer import Allowance

ZERO = Decimal(0)


@dataclass(slots=True)
class Taken:
    """What of one payer's share of a portion is not to be billed (any more): billed net of
    re-billable credits, conceded, written down. A write-up makes the amount smaller."""

    quantity: Decimal = ZERO
    amount: Decimal = ZERO
    measure: Decimal = ZERO


@dataclass(slots=True)
class Progress:
    """What became of one entry."""

    taken: dict[tuple[int, str], Taken] = field(default_factory=dict)
    """By portion and payer."""
    billed_net: Decimal = ZERO
    """Of all transactions, net of re-billable credits; concessions stay in 4000."""
    recognised: Decimal = ZERO
    """Revenue posted so far, without 4900."""
    recognised_in: list[tuple[str, Decimal]] = field(default_factory=list)
    """By period, in the order of posting; a fall takes from what was posted last."""
    written_down: Decimal = ZERO
    written_down_value: Decimal = ZERO
    written_up_value: Decimal = ZERO
    written_down_by: str = ""
    intercompany: Decimal = ZERO
    covered: Decimal | None = None
    """Hours that a retainer covered; empty until its settlement."""
    overage: Decimal = ZERO
    recall_pending: bool = False
    """Recalled after it was billed: it stays, until it is credited."""
    hours_before: Decimal | None = None
    """Where premiums apply: what its person had worked before it on its day when it was first
    billed or written down. So what is billed as overtime stays overtime."""

    def recognise(self, change: Decimal, period: str) -> None:
        """Revenue was posted in a period."""
        self.recognised += change
        while change < 0 and self.recognised_in:
            last, amount = self.recognised_in.pop()
            change += amount
            if change > 0:
                self.recognised_in.append((last, change))
        if change > 0:
            self.recognised_in.append((period, change))

    def recognised_after(self, billed: Decimal) -> str:
        """The period in which the revenue was posted that follows what is billed already; empty
        when there is none."""
        sofar = ZERO
        for period, amount in self.recognised_in:
            sofar += amount
            if billed < sofar:
                return period
        return self.recognised_in[-1][0] if self.recognised_in else ""


@dataclass(slots=True)
class FeeLine:
    """What was recognised of a line whose revenue does not follow its billing, by the day whose
    figure it is: an earlier day may be looked at after a later one."""

    reports: dict[date, Report] = field(default_factory=dict)
    earned: dict[date, Decimal] = field(default_factory=dict)
    provided: dict[date, Decimal] = field(default_factory=dict)
    baselines: list[Baseline] = field(default_factory=list)
    """What prospective modifications left behind, in the order of their days."""

    def report_on(self, day: date) -> Report | None:
        known = [as_of for as_of in self.reports if as_of <= day]
        return self.reports[max(known)] if known else None

    def baseline_on(self, day: date) -> Baseline:
        return next((each for each in reversed(self.baselines) if each.on <= day), Baseline())

    @property
    def revenue(self) -> Decimal:
        return sum(self.earned.values(), ZERO)


@dataclass(slots=True)
class Disbursed:
    """What 1300 carries of one disbursement, in the functional currency."""

    carried: Decimal
    quantity: Decimal
    billed: Decimal = ZERO
    """Of the quantity, net of credits."""
    cleared: Decimal = ZERO

    def clear(self, quantity: Decimal, step: Decimal) -> Decimal:
        """What a quantity, billed or credited, clears: cumulative, so that the whole ends at
        zero."""
        before, self.billed = self.cleared, self.billed + quantity
        self.cleared = round_half_up(self.carried * self.billed / self.quantity, step)
        return self.cleared - before


@dataclass(slots=True)
class ContractBook:
    """One contract."""

    terms: Terms
    works: dict[str, Work] = field(default_factory=dict)
    recalled: dict[str, Work] = field(default_factory=dict)
    """Entries that are approved no more; their revenue is taken back."""
    progress: dict[str, Progress] = field(default_factory=dict)
    """By entry; of fees by line and key."""
    submitted: dict[str, Work] = field(default_factory=dict)
    accrued: dict[str, dict[tuple[str, str], Decimal]] = field(default_factory=dict)
    """For submitted time at the end of each period, by legal entity and currency."""
    claimed: dict[str, int] = field(default_factory=dict)
    """The journal of each expense claim."""
    disbursed: dict[str, Disbursed] = field(default_factory=dict)
    acceptances: dict[str, Evidence] = field(default_factory=dict)
    allowances: dict[str, Allowance] = field(default_factory=dict)
    fee_lines: dict[str, FeeLine] = field(default_factory=dict)
    flagged: dict[str, str] = field(default_factory=dict)
    """Entries that must not be billed now, and why."""
    rerated: dict[int, frozenset[str]] = field(default_factory=dict)
    """Entries whose price a version changed."""
    held: list[Held] = field(default_factory=list)
    """What the last run left, and why."""
    closed_on: date | None = None
    looked_on: date = date.min
    """The last day on which approved work was looked at."""
    runs: int = 0
    counted_under: int = 0
    """The version whose limits all transactions were counted against."""

    def drop(self, entry: str) -> None:
        """An entry is approved no more."""
        work = self.works.pop(entry, None)
        self.flagged.pop(entry, None)
        if work is not None:
            self.recalled[entry] = work

    def progress_of(self, entry: str) -> Progress:
        found = self.progress.get(entry)
        if found is None:
            found = self.progress[entry] = Progress()
        return found

    def fee_line(self, line_id: str) -> FeeLine:
        return self.fee_lines.setdefault(line_id, FeeLine())


@dataclass(slots=True)
class Receivable:
    """An invoice's open item; a credit note moves the item of the invoice that it credits."""

    item: OpenItem
    gross: Decimal
    opening: Decimal = ZERO
    """What the ledger carried for it before the story began."""
    paid: Decimal = ZERO
    disputes: dict[str, Decimal] = field(default_factory=dict)
    payments: list[tuple[str, Decimal]] = field(default_factory=list)
    """What was applied, oldest first."""

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
    return Books(
        entities={entity.code: entity for entity in entities},
        contracts={name: ContractBook(terms=Terms(mine)) for name, mine in by_contract.items()},
    )
