"""Business events: canonical, versioned facts. A vendor's payload is translated into them at the
edge."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from canonical.base import Fact, Noun
from canonical.ids import ExternalRef
from canonical.periods import Period
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


Event = Annotated[
    DealClosed
    | TimeApproved
    | TimeRecalled
    | ExpenseApproved
    | ExpenseRecalled
    | SourceCompleted
    | BillingCutoff
    | PeriodLocked
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
    """For `billing.cutoff`: the number of the run that the store opened for it."""
    subject: str = ""
