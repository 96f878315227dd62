"""Business events: canonical, versioned facts. A vendor's payload is translated into them at the
edge."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from canonical.base import Fact, Noun
from canonical.ids import ExternalRef
from canonical.periods import Period
from canonical.terms.policies import ExchangeRate
from canonical.work import Expense, SourceTotals, TimeEntry

ITEMS_PER_EVENT_MAX = 1_000


class _Event(Fact):
    id: str = Field(min_length=1, max_length=200)
    """The source's own id of the event; (source, id) is unique."""
    source: str
    version: Literal[1] = 1
    occurred_at: AwareDatetime


class DealClosed(_Event):
    """A deal is won, or a won deal was corrected: a hint to read it again."""

    type: Literal["deal.closed"] = "deal.closed"
    deal: ExternalRef
    revision: str = ""
    """The deal's revision, where the teller knows it: once it was read, the event is no news."""


class TimeApproved(_Event):
    type: Literal["time.approved"] = "time.approved"
    items: tuple[TimeEntry, ...] = Field(min_length=1, max_length=ITEMS_PER_EVENT_MAX)


class TimeRecalled(_Event):
    """Time entries that are no longer approved."""

    type: Literal["time.recalled"] = "time.recalled"
    items: tuple[TimeEntry, ...] = Field(min_length=1, max_length=ITEMS_PER_EVENT_MAX)


class ExpenseApproved(_Event):
    type: Literal["expense.approved"] = "expense.approved"
    items: tuple[Expense, ...] = Field(min_length=1, max_length=ITEMS_PER_EVENT_MAX)


class ExpenseRecalled(_Event):
    type: Literal["expense.recalled"] = "expense.recalled"
    items: tuple[Expense, ...] = Field(min_length=1, max_length=ITEMS_PER_EVENT_MAX)


class SourceCompleted(_Event):
    """A source that pushes says: for this project, up to this instant, this is all that is
    approved."""

    type: Literal["source.completed"] = "source.completed"
    project: ExternalRef
    up_to: AwareDatetime
    totals: SourceTotals


class BillingCutoff(_Event):
    """Bill a period: what was approved at or before `cutoff`, with work dates up to the period's
    end.

    `project` narrows it to one engagement; otherwise all active engagements of the legal entity.
    """

    type: Literal["billing.cutoff"] = "billing.cutoff"
    legal_entity: str
    period: Period
    cutoff: AwareDatetime
    project: ExternalRef | None = None


class PeriodLocked(_Event):
    """The ERP's period is closed for posting."""

    type: Literal["period.locked"] = "period.locked"
    legal_entity: str
    period: Period


class PaymentReceived(_Event):
    """A payment was registered on an invoice: its figures are in the store, read from the ERP."""

    type: Literal["payment.received"] = "payment.received"
    invoice: ExternalRef
    payment: ExternalRef


class MilestoneAchieved(_Event):
    """The client accepted a milestone, with the evidence of it."""

    type: Literal["milestone.achieved"] = "milestone.achieved"
    project: ExternalRef
    milestone: str = Field(min_length=1, max_length=120)
    accepted_by: str = Field(min_length=1, max_length=200)
    accepted_on: date
    document_hash: str = Field(min_length=1, max_length=200)
    """Of the signed document, so that the evidence cannot be swapped."""


class ProgressReported(_Event):
    """Cost or hours to date of a fixed-fee line, and the estimate at completion."""

    type: Literal["progress.reported"] = "progress.reported"
    project: ExternalRef
    line: str = Field(default="", max_length=120)
    """Empty: the contract's only fixed-fee line."""
    as_of: date
    to_date: Decimal = Field(ge=0)
    estimate: Decimal = Field(gt=0)


class RetentionReleased(_Event):
    """The condition is met on which the client pays what it kept back."""

    type: Literal["retention.released"] = "retention.released"
    project: ExternalRef
    condition: str = Field(min_length=1, max_length=500)
    milestones: tuple[str, ...] = Field(default=(), max_length=500)
    """Empty: all that is retained."""


class ExchangeRatesPublished(_Event):
    """Units of the second currency for one of the first, e.g. `USD/EUR: 0.9132`."""

    type: Literal["exchange_rates.published"] = "exchange_rates.published"
    rate_on: date
    rates: dict[Annotated[str, Field(pattern=r"^[A-Z]{3}/[A-Z]{3}$")], ExchangeRate] = Field(
        min_length=1, max_length=1_000
    )


Event = Annotated[
    DealClosed
    | TimeApproved
    | TimeRecalled
    | ExpenseApproved
    | ExpenseRecalled
    | SourceCompleted
    | BillingCutoff
    | PeriodLocked
    | MilestoneAchieved
    | ProgressReported
    | RetentionReleased
    | ExchangeRatesPublished
    | PaymentReceived,
    Field(discriminator="type"),
]
EVENT: TypeAdapter[Event] = TypeAdapter(Event)


class News(Noun):
    """One unapplied event as a workflow sees it: small, with references, never with payloads."""

    type: str
    event: str
    """The event's id in our store."""
    period: str = ""
    cutoff: AwareDatetime | None = None
    run: int = 0
    """For `billing.cutoff` and `retention.released`: the number of the run that was opened."""
    subject: str = ""
