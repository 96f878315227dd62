"""Work items: time entries and expenses as their source system knows them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from canonical.base import Fact, Noun
from canonical.ids import ExternalRef, WorkItemId, work_item_id
from canonical.money import Money

HOURS_MAX_PER_ENTRY = Decimal(744)
"""More hours than a month has are a mistake of unit (minutes sent as hours)."""


class _WorkItem(Fact):
    source: str
    """The system instance that recorded it."""
    external_id: str = Field(min_length=1, max_length=200)
    version: AwareDatetime
    """When the source last changed it; an older version never overwrites a newer one."""
    project: ExternalRef
    """The project in the source's own words; identity links resolve it."""
    person: str
    person_name: str = ""
    work_date: date
    description: str = Field(default="", max_length=4_000)
    billable: bool = True
    line: str = ""
    """The contract line, where the source says it; otherwise the first that takes such work."""
    legal_entity: str = ""
    """The entity of the firm that did the work; empty: the one that bills."""
    outside_caps: bool = False
    submitted: bool = False
    """It waits for its approval; a contract may accrue such time at month end."""
    approved: bool
    approved_by: str = ""
    approved_at: AwareDatetime | None = None


class TimeEntry(_WorkItem):
    """Hours of one person on one day, in one role. Negative hours are refused: recall instead."""

    kind: Literal["time"] = "time"
    hours: Decimal = Field(ge=0, le=HOURS_MAX_PER_ENTRY, decimal_places=4)
    role: str = ""
    task: str = ""

    @property
    def id(self) -> WorkItemId:
        return work_item_id(self.source, self.kind, self.external_id)

    @property
    def quantity(self) -> Decimal:
        """The entry's own quantity: hours."""
        return self.hours


class Expense(_WorkItem):
    """One expense. `cost` is its net; VAT amounts are in the same currency."""

    kind: Literal["expense"] = "expense"
    cost: Money
    category: str = ""
    vat: Decimal = Field(default=Decimal(0), ge=0)
    recoverable_vat: Decimal = Field(default=Decimal(0), ge=0)
    """What the firm gets back; only the rest is cost that can be re-billed."""
    units: Decimal = Field(default=Decimal(1), gt=0, decimal_places=4)
    """Kilometres, days or nights."""
    disbursement: bool = False
    """Paid as the client's agent: passed on as it is, without mark-up and tax."""

    @property
    def id(self) -> WorkItemId:
        return work_item_id(self.source, self.kind, self.external_id)

    @property
    def quantity(self) -> Decimal:
        """The entry's own quantity: an expense is one unit."""
        return Decimal(1)


WorkItem = Annotated[TimeEntry | Expense, Field(discriminator="kind")]
WORK_ITEM: TypeAdapter[TimeEntry | Expense] = TypeAdapter(WorkItem)


class ChangePage(Noun):
    """One page of a change feed: the present state of the subjects that changed, and where to go
    on.

    The cursor is stored only after the items are (an error never moves a cursor forward).
    """

    items: tuple[WorkItem, ...]
    cursor: str
    has_more: bool


class SourceTotals(Noun):
    """Count and sums of approved items of a project up to a date, by the source's own account."""

    kind: Literal["time", "expense"]
    count: int = Field(ge=0)
    quantity: Decimal
    """Hours for time; the number of expenses for expenses."""
    cost: Decimal = Decimal(0)
    """Sum of net costs, in the billing currency; zero for time."""
    as_of: datetime | None = None
