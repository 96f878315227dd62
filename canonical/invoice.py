"""Invoices: lines that gather transactions, taxes by row, and what the ERP answered."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from canonical.base import Noun
from canonical.contract import TaxMode
from canonical.errors import RuleViolation
from canonical.ids import ClientId, ContractId, EngagementId, ExternalRef, InvoiceId, TransactionId
from canonical.money import Currency, Money, total
from canonical.periods import Period

LINES_MAX = 500
"""Lines of one invoice; above it the grouping coarsens (an ERP posts a 50-line invoice in
seconds)."""

DESCRIPTION_CHARACTERS_MAX = 1_000


class InvoiceState(StrEnum):
    DRAFT = "draft"
    POSTED = "posted"
    DELIVERED = "delivered"
    PART_PAID = "part_paid"
    PAID = "paid"
    CANCELLED = "cancelled"


class InvoiceType(StrEnum):
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class TaxCategory(StrEnum):
    """UNCL 5305, as EN 16931 uses it."""

    STANDARD = "S"
    ZERO = "Z"
    EXEMPT = "E"
    REVERSE_CHARGE = "AE"
    OUTSIDE_SCOPE = "O"
    EXPORT = "G"


class InvoiceLine(Noun):
    """Quantity 1 at `net`: hours live in the description, since hours x rate of a group is not its
    sum."""

    line_no: int = Field(ge=1)
    kind: str
    """`time`, `expense`, `milestone` ...: the ERP mapping chooses product and account by it."""
    description: str = Field(max_length=DESCRIPTION_CHARACTERS_MAX)
    net: Money
    tax_code: str
    taxed_on: date | None = None
    """The day whose tax holds; empty: the end of the document's service."""
    quantity: Decimal = Decimal(0)
    """Hours or units gathered, for people; not multiplied with anything."""
    transaction_ids: tuple[TransactionId, ...] = Field(default=(), repr=False)


class TaxRow(Noun):
    """Tax of one code on one document."""

    tax_code: str
    category: TaxCategory
    rate: Decimal
    """As a fraction: 0.19 for 19 %."""
    base: Money
    amount: Money
    reason: str = ""
    """Why there is no tax, as the document must say it."""


class Invoice(Noun):
    """An invoice as we hold it. Net is the sum of lines, gross is net plus tax, both exact."""

    id: InvoiceId
    key: str
    """The business key that the ERP document carries as its reference."""
    type: InvoiceType = InvoiceType.INVOICE
    engagement_id: EngagementId
    contract_id: ContractId
    legal_entity: str
    bill_to: ClientId
    project_code: str
    currency: Currency
    period: Period
    run: int
    sequence: int = 1
    service_from: date
    service_to: date
    purchase_order: str = ""
    net_days: int
    tax_mode: TaxMode = TaxMode.PER_RATE_TOTAL
    tax_inclusive: bool = False
    """The prices hold the tax: the gross is fixed."""
    credits: InvoiceId | None = None
    lines: tuple[InvoiceLine, ...]
    taxes: tuple[TaxRow, ...]
    discount: Money
    """What the lines' nets have less than their prices."""
    net: Money
    tax: Money
    gross: Money
    state: InvoiceState = InvoiceState.DRAFT
    number: str = ""
    """The ERP's number; empty until it is posted."""
    invoice_date: date | None = None
    due_date: date | None = None
    paid: Money

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        net = total((line.net for line in self.lines), self.currency)
        tax = total((row.amount for row in self.taxes), self.currency)
        if (net, tax, net + tax) != (self.net, self.tax, self.gross):
            raise RuleViolation(
                f"invoice {self.key} does not add up: lines {net}, tax rows {tax}, "
                f"but the document says {self.net} + {self.tax} = {self.gross}"
            )
        return self


class DraftInvoice(Noun):
    """A draft in the ERP that carries our key."""

    reference: ExternalRef
    key: str


class PostedInvoice(Noun):
    """What the ERP holds of an invoice: read back, never assumed."""

    reference: ExternalRef
    key: str
    number: str
    state: str
    """The ERP's own word for its state."""
    posted: bool
    invoice_date: date | None
    due_date: date | None = None
    net: Money
    tax: Money
    gross: Money
    open_amount: Money


class BackupRow(Noun):
    """One row of the backup that goes with an invoice."""

    work_date: date
    person: str
    role: str
    description: str
    quantity: Decimal
    unit: str
    rate: Decimal
    amount: Money
