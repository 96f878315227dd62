"""The events that a story is told in: deliveries, which come in any order, and decisions, which are
ordered facts."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from canonical.base import Noun
from canonical.money import Currency
from canonical.periods import Period
from canonical.terms.policies import Amount, ExchangeRate, Quantity

Name = Annotated[str, Field(min_length=1, max_length=120)]
ENTRIES_PER_EVENT_MAX = 10_000


def _day_or_moment(value: object) -> object:
    """A text of ten characters is a day, a longer one a moment of the entity's own time."""
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(
            f"{value!r} is neither a day such as 2026-03-31 nor a moment such as 2026-03-31T18:00"
        ) from None


Moment = Annotated[date | datetime, BeforeValidator(_day_or_moment)]
"""A day, or a day and time without zone: the books' own time."""


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, dict) else value


def _one_or_many_of(kind: type[Noun]) -> BeforeValidator:
    """One row may be written without a list; the JSON Schema says so."""
    return BeforeValidator(_one_or_many, json_schema_input_type=kind | tuple[kind, ...])  # type: ignore[valid-type]  # a type made at run time


def _short_for(kind: type[Noun], name: str) -> BeforeValidator:
    """The one value that matters may be written alone: `lock: 2026-03`."""

    def complete(value: object) -> object:
        return {name: value} if isinstance(value, str) else value

    return BeforeValidator(complete, json_schema_input_type=kind | str)


class Time(Noun):
    """Hours of one person on one day."""

    id: Name
    work_date: date
    hours: Quantity
    contract: str = ""
    """Empty: the story's only contract."""
    person: str = ""
    role: str = ""
    task: str = ""
    line: str = ""
    entity: str = ""
    """The legal entity that did the work."""
    approved_at: Moment | None = None
    """Empty: when the event arrived."""
    billable: bool = True
    outside_caps: bool = False
    description: str = ""


class Expense(Noun):
    """An approved claim; amounts in the expense's own currency."""

    id: Name
    expense_date: date
    contract: str = ""
    category: str = ""
    net: Amount = Decimal(0)
    vat: Amount = Decimal(0)
    recoverable_vat: Amount = Decimal(0)
    currency: Currency | None = None
    """Empty: the contract's."""
    units: Quantity = Decimal(1)
    """Kilometres, days or nights."""
    disbursement: bool = False
    person: str = ""
    line: str = ""
    entity: str = ""
    approved_at: Moment | None = None
    billable: bool = True
    outside_caps: bool = False
    description: str = ""

    @model_validator(mode="after")
    def _recovers_no_more_than_paid(self) -> Self:
        if self.recoverable_vat > self.vat:
            raise ValueError(f"expense {self.id} recovers more VAT than it holds")
        return self


class Recall(Noun):
    """Entries that are no longer approved."""

    entries: tuple[Name, ...] = Field(min_length=1, max_length=ENTRIES_PER_EVENT_MAX)
    contract: str = ""


class Acceptance(Noun):
    """A milestone was accepted, with its evidence."""

    milestone: Name
    accepted_by: str
    document_hash: str
    accepted_on: date | None = None
    contract: str = ""


class ProgressReport(Noun):
    """Cost or hours to date, and the estimate at completion."""

    line: str = ""
    """Empty: the contract's only fixed-fee line."""
    contract: str = ""
    as_of: date | None = None
    to_date: Amount
    estimate: Amount


class SpotRates(Noun):
    """Units of the second currency for one of the first, e.g. `EUR/USD: 1.0821`."""

    rates: dict[Annotated[str, Field(pattern=r"^[A-Z]{3}/[A-Z]{3}$")], ExchangeRate]


class DeductionKind(StrEnum):
    WITHHOLDING_TAX = "withholding_tax"
    EARLY_PAYMENT_DISCOUNT = "early_payment_discount"
    BANK_CHARGE = "bank_charge"
    DISPUTE = "dispute"


class Deduction(Noun):
    """What a customer kept back from a payment, classified before anything is posted."""

    kind: DeductionKind
    amount: Annotated[Decimal, Field(gt=0)]
    certificate: str = ""
    credit_note: str = ""
    """The name of a discount's credit note; empty: `<invoice> discount <payment>`."""
    dispute: str = ""
    reason: str = ""

    @model_validator(mode="after")
    def _withholding_has_its_certificate(self) -> Self:
        if self.kind is DeductionKind.WITHHOLDING_TAX and not self.certificate:
            raise ValueError("withholding tax is a receivable of its own: name its certificate")
        return self


class Applied(Noun):
    invoice: Name
    amount: Annotated[Decimal, Field(gt=0)] | None = None
    """Empty: as much as is open."""
    deductions: tuple[Deduction, ...] = ()


class Payment(Noun):
    """Money received; what it is not applied to stays unapplied cash."""

    id: Name
    amount: Annotated[Decimal, Field(gt=0)]
    customer: str = ""
    contract: str = ""
    """Of money for no invoice yet; empty: the customer's only contract."""
    currency: Currency | None = None
    invoice: str = ""
    """Short for one entry in `apply`."""
    apply: Annotated[tuple[Applied, ...], _one_or_many_of(Applied)] = ()
    deductions: tuple[Deduction, ...] = ()
    """Of the one `invoice`."""
    entity: str = ""


class Cutoff(Noun):
    """Start a billing run: every ready part with work date up to `through`, approved by
    `approved_through`, however old."""

    through: date | None = None
    """Empty: the day of `approved_through`."""
    approved_through: Moment | None = None
    """Empty: the moment of the run."""
    contracts: tuple[str, ...] = ()
    invoice: str = ""
    """The name of the one invoice of this run."""
    invoices: dict[str, str] = {}
    """Names by customer, entity or contract, when the run makes several."""
    prefix: str = ""
    """Names the others `<prefix>-<number>`."""
    draft: bool = False
    """Leave the documents as drafts; `post` posts them."""
    taxes: dict[str, Decimal] = {}
    """Tax by invoice, as the owner of the tax figured it."""


class Post(Noun):
    invoice: Name
    tax: Decimal | None = None
    """As the owner of the tax figured it."""
    is_fact: bool = False
    """The ERP posted it already: what was recalled meanwhile stays on it until it is credited."""


class Discard(Noun):
    """A draft that is not issued: its parts are ready again."""

    invoice: Name


class Lock(Noun):
    """Stop posting into a period, and all before it."""

    period: Period
    entity: str = ""
    """Empty: every entity."""


class RevenueClose(Noun):
    """Recognise a period's revenue: progress, elapsed time, used and forfeited hours."""

    period: Period
    contract: str = ""


class Amendment(Noun):
    """A new contract version: the fields named here replace those of the version before.

    `lines` are matched by `line_id`, and their fields replaced one by one.
    """

    contract: str = ""
    effective_from: date
    reviewed_on: date | None = None
    """When the review of what it re-rates was done; empty: on the day of the event."""
    terms: dict[str, object] = {}
    invoices: dict[str, str] = {}
    """Names of the documents it makes: by the invoice that is credited, `INV-1: CN-1`, and
    `INV-1 rebill: INV-2`."""


class CreditKind(StrEnum):
    REBILLABLE = "rebillable"
    CONCESSION = "concession"


class CreditedEntry(Noun):
    """A quantity of one entry, or of one fee by its key. With a `rate` it is an amount of its own:
    quantity x rate."""

    entry: Name
    quantity: Annotated[Decimal, Field(gt=0)] | None = None
    """Empty: all that is billed and not credited."""
    rate: Amount | None = None


class Credit(Noun):
    """Credit entries and quantities of an invoice; `rebillable` reopens them, a concession never
    comes back."""

    invoice: Name
    credit_note: str = ""
    kind: CreditKind = CreditKind.REBILLABLE
    entries: tuple[CreditedEntry, ...] = ()
    """Empty: the whole document."""
    dispute: str = ""
    reason: str = ""


class WriteKind(StrEnum):
    DOWN = "down"
    UP = "up"


class Approval(Noun):
    by: Name
    role: str = ""
    on: date


class Write(Noun):
    """A write-down (hours or an amount) or a write-up (a new rate or an amount) of an entry."""

    entry: Name
    contract: str = ""
    hours: Quantity | None = None
    amount: Annotated[Decimal, Field(gt=0)] | None = None
    rate: Amount | None = None
    reason: Name
    by: Name
    approvals: tuple[Approval, ...] = ()


class RetentionRelease(Noun):
    """The release condition of retentions is met: an invoice of its own."""

    contract: str = ""
    milestones: tuple[str, ...] = ()
    """Empty: all that is retained."""
    condition: Name
    percent: Annotated[Decimal, Field(gt=0, le=100)] | None = None
    """A release in parts: of what was retained of each milestone, rounded per milestone."""
    amount: Annotated[Decimal, Field(gt=0)] | None = None
    """A release in parts: of the whole, shared out by what is left of each milestone."""
    invoice: str = ""
    invoices: dict[str, str] = {}
    """Names by customer, when several keep something."""
    draft: bool = False
    """Leave the invoice as a draft; `post` posts it."""

    @model_validator(mode="after")
    def _one_part(self) -> Self:
        if self.percent is not None and self.amount is not None:
            raise ValueError("a release in parts is either a `percent` or an `amount`")
        return self


class Dispute(Noun):
    id: Name
    invoice: Name
    amount: Annotated[Decimal, Field(gt=0)]
    reason: str = ""


class DisputeRejected(Noun):
    """What was disputed is due again."""

    dispute: Name


class WriteOff(Noun):
    """Of a receivable that will not be collected, above the tolerance: by finance approval."""

    invoice: Name
    amount: Annotated[Decimal, Field(gt=0)] | None = None
    approved_by: Name
    reason: Name


class ApplyCash(Noun):
    """Unapplied cash of a payment, put against an invoice."""

    payment: Name
    invoice: Name
    amount: Annotated[Decimal, Field(gt=0)] | None = None


class Refund(Noun):
    payment: Name
    amount: Annotated[Decimal, Field(gt=0)] | None = None
    approved_by: Name


class Revaluation(Noun):
    """Month-end revaluation of 1100, 1200, 1250 and 2400 at the day's rates."""

    entity: str = ""


class ContractClose(Noun):
    contract: str = ""
    credit_note: str = ""
    """The name of the refund's credit note."""


class Event(Noun):
    """One dated event: `on`, and exactly one of the others.

    A day without a time means: deliveries at its beginning, decisions at its end, in listed order.
    """

    on: Moment
    """The business date."""
    arrives: Moment | None = None
    """When a delivery reached the books; empty: on its business date."""
    # deliveries
    time: Annotated[tuple[Time, ...], _one_or_many_of(Time)] | None = None
    submitted: Annotated[tuple[Time, ...], _one_or_many_of(Time)] | None = None
    expense: Annotated[tuple[Expense, ...], _one_or_many_of(Expense)] | None = None
    recall: Recall | None = None
    acceptance: Acceptance | None = None
    progress: ProgressReport | None = None
    rates: SpotRates | None = None
    payment: Payment | None = None
    # decisions
    cutoff: Cutoff | None = None
    post: Annotated[Post, _short_for(Post, "invoice")] | None = None
    discard: Annotated[Discard, _short_for(Discard, "invoice")] | None = None
    lock: Annotated[Lock, _short_for(Lock, "period")] | None = None
    revenue_close: Annotated[RevenueClose, _short_for(RevenueClose, "period")] | None = None
    amendment: Amendment | None = None
    credit: Credit | None = None
    write_down: Write | None = None
    write_up: Write | None = None
    release_retention: RetentionRelease | None = None
    dispute: Dispute | None = None
    reject_dispute: DisputeRejected | None = None
    write_off: WriteOff | None = None
    apply_cash: ApplyCash | None = None
    refund: Refund | None = None
    revalue: Revaluation | None = None
    close_contract: ContractClose | None = None

    @model_validator(mode="after")
    def _is_one_event(self) -> Self:
        given = [name for name in KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"an event has `on` and exactly one of {', '.join(KINDS)}; "
                f"here {', '.join(given) or 'none'} is given"
            )
        return self

    @property
    def kind(self) -> str:
        return next(name for name in KINDS if getattr(self, name) is not None)


DELIVERIES = (
    *("rates", "time", "submitted", "expense", "recall", "acceptance", "progress", "payment"),
)
KINDS = tuple(name for name in Event.model_fields if name not in ("on", "arrives"))
