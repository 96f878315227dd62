"""The rows that the engine makes: charges, transactions, documents. Immutable."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from canonical.contract import ContractLine, ContractVersion, TaxMode
from canonical.ledger.accounts import Account
from canonical.rules.caps import Limit
from canonical.rules.pricing import Price
from canonical.rules.tax import TaxAmount, TaxKey
from canonical.terms.policies import ChargeKind

ZERO = Decimal(0)


class PartState(StrEnum):
    """Where a part of an approved entry is; each part is in exactly one of these."""

    READY = "ready"
    ON_DRAFT = "on_draft"
    BILLED = "billed"
    HELD = "held"
    WRITTEN_DOWN = "written_down"
    CONCEDED = "conceded"
    COVERED = "covered"
    BILLED_ELSEWHERE = "billed_elsewhere"
    EXCLUDED = "excluded"


class Part(NamedTuple):
    """A part of one entry, in the entry's own quantity."""

    entry: str
    state: PartState
    quantity: Decimal
    reason: str = ""
    amount: Decimal = ZERO
    """Its price, where it has one; in the invoice's currency."""


class TransactionKind(StrEnum):
    TIME = "time"
    EXPENSE = "expense"
    DISBURSEMENT = "disbursement"
    RETAINER = "retainer"
    SCHEDULE = "schedule"
    MILESTONE = "milestone"
    RETENTION = "retention"
    RETENTION_RELEASE = "retention_release"
    DISCOUNT = "early_payment_discount"


class Taken(NamedTuple):
    """What of one payer's share of a portion is not to be billed (any more): billed net of
    re-billable credits, conceded, written down. A write-up makes the amount smaller."""

    quantity: Decimal = ZERO
    amount: Decimal = ZERO
    """In invoice currency."""
    measure: Decimal = ZERO
    """In contract currency: what caps count."""

    def plus(self, more: Taken) -> Taken:
        return Taken(
            self.quantity + more.quantity, self.amount + more.amount, self.measure + more.measure
        )


class Common(NamedTuple):
    """What all transactions of one column say, in the order of their fields."""

    contract: str
    version: int
    line_id: str
    entity: str
    customer: str
    kind: TransactionKind
    currency: str
    rate_currency: str
    fx: Decimal | None
    tax_code: str
    credit_to: Account | None


class DocumentKey(NamedTuple):
    """What goes on one document."""

    contract: str
    entity: str
    customer: str
    currency: str


class Column(NamedTuple):
    """What all charges of one line, version, payer and kind have in common."""

    key: DocumentKey
    line: ContractLine
    version: ContractVersion
    """Of the work date."""
    words: Common
    """The same, as every transaction says it."""


class Charge(NamedTuple):
    """One payer's share of a priced portion that may be billed now."""

    price: Price
    column: Column
    quantity: Decimal
    amount: Decimal
    """In invoice currency, rounded once, before any discount."""
    measure: Decimal
    """In contract currency: what caps count."""
    limits: tuple[Limit, ...]
    discount: Decimal = ZERO
    """Its part of the labour discount."""
    retained: Decimal = ZERO
    """Its part of a milestone's retention."""


class Held(NamedTuple):
    """A portion that may not be billed now."""

    price: Price
    quantity: Decimal
    amount: Decimal
    reason: str
    cap_id: str = ""


class Transaction(NamedTuple):
    """One billing transaction. Immutable; a credit is another one that names it.

    The fields are in the order of what is common to many: `Common` and `Tariff` go in as they are.
    """

    id: str
    document: str
    contract: str
    version: int
    line_id: str
    entity: str
    customer: str
    kind: TransactionKind
    currency: str
    rate_currency: str
    fx: Decimal | None
    tax_code: str
    credit_to: Account | None
    """Where billing credits it; empty: the contract position."""
    source: str
    """The entry, or the fee's business key."""
    portion: int
    work_date: date
    service_period: str
    rate: Decimal
    rate_basis: str
    beaten: tuple[str, ...]
    description: str
    quantity: Decimal
    amount: Decimal
    """quantity x rate [x fx], rounded once."""
    discount: Decimal
    net: Decimal
    """After discount, without tax: what the ledger and the document's net count."""
    measure: Decimal
    """In contract currency, before discount: what caps count."""
    unrounded: Decimal
    limits: tuple[tuple[str, Decimal], ...]
    """What it consumes of each limit, by the limit's key."""
    credits: str = ""
    """The transaction that this one credits."""
    concession: bool = False


class DocumentType(StrEnum):
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """One line: the net is the sum of its transactions' nets, the price before tax was taken out or
    added."""

    line_no: int
    description: str
    quantity: Decimal
    price: Decimal
    net: Decimal
    tax_code: str
    transactions: tuple[str, ...]
    tax: TaxKey | None = None
    """Its tax row; None where the contract has no tax at all."""
    taxed_on: date | None = None
    """The day whose tax holds."""


@dataclass(frozen=True, slots=True)
class Document:
    """An invoice or credit note. Net is the sum of lines, gross is net plus tax, both exact."""

    id: str
    type: DocumentType
    contract: str
    entity: str
    customer: str
    currency: str
    on: date
    through: date
    service_from: date
    service_to: date
    lines: tuple[DocumentLine, ...]
    taxes: tuple[TaxAmount, ...]
    net: Decimal
    tax: Decimal
    gross: Decimal
    discount: Decimal
    tax_mode: TaxMode
    tax_inclusive: bool
    posted: bool
    credits: str = ""
    dispute: str = ""
    rebills: str = ""
    taxed_on: date | None = None
    """The day whose tax and exchange rate hold where they follow the invoice: of what is billed
    again, that of the first invoice."""


class Recognised(NamedTuple):
    """One row of a line's revenue schedule, at a revenue close."""

    contract: str
    line_id: str
    on: date
    to_date: Decimal
    estimate: Decimal
    revenue_to_date: Decimal
    revenue_in_period: Decimal
    billed_to_date: Decimal
    contract_asset: Decimal
    contract_liability: Decimal
    loss_provision: Decimal


class Standing(NamedTuple):
    """Where an invoice's receivable stood after an event."""

    invoice: str
    on: date
    open: Decimal
    disputed: Decimal
    status: str


class Intercompany(NamedTuple):
    """Work of one entity that another one bills, at the transfer price."""

    entry: str
    contract: str
    performed_by: str
    billed_by: str
    amount: Decimal
    currency: str


class Realisation(NamedTuple):
    """Billed value against standard value of the same approved work; percentages of the standard
    value, half-up at two decimals."""

    contract: str
    standard_value: Decimal
    billed_value: Decimal
    write_downs: Decimal
    write_ups: Decimal
    concessions: Decimal
    realisation_percent: Decimal | None
    write_down_percent: Decimal | None
    write_up_percent: Decimal | None


class Case(NamedTuple):
    """What a person has to look at."""

    subject: str
    reason: str


KIND_OF_CHARGE = {
    TransactionKind.TIME: ChargeKind.TIME,
    TransactionKind.EXPENSE: ChargeKind.EXPENSE,
}
