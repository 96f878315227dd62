"""What arrives at the firm: hours, expenses, and events that found their engagement."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.events import MilestoneAchieved, PeriodLocked, ProgressReported, RetentionReleased
from canonical.ids import event_id
from canonical.money import Money
from canonical.work import Expense, TimeEntry
from store.tables import business_event
from tests.store.reports.sold import PSA, Sold, noon


def hours_of(
    sold: Sold, name: str, day: str, hours: str, approved: str, more: dict[str, object]
) -> TimeEntry:
    """Of a consultant, approved at noon of the work date unless `approved` is later; not at all
    when it is `no`."""
    moment = None if approved == "no" else noon(approved or day)
    usual = {
        "source": PSA,
        "external_id": name,
        "version": moment or noon(day),
        "project": sold.project,
        "person": "ada",
        "work_date": day,
        "hours": hours,
        "role": "consultant",
        "approved": moment is not None,
        "approved_by": "bo" if moment else "",
        "approved_at": moment,
    }
    return TimeEntry.model_validate({**usual, **more})


def expense_of(sold: Sold, name: str, day: str, net: str, more: dict[str, object]) -> Expense:
    usual = {
        "source": PSA,
        "external_id": name,
        "version": noon(day),
        "project": sold.project,
        "person": "ada",
        "work_date": day,
        "cost": Money(amount=Decimal(net), currency=sold.currency),
        "category": "Travel",
        "approved": True,
        "approved_by": "bo",
        "approved_at": noon(day),
    }
    return Expense.model_validate({**usual, **more})


OfProject = MilestoneAchieved | ProgressReported | RetentionReleased


async def keep_event(
    connection: AsyncConnection, event: OfProject | PeriodLocked, sold: Sold | None
) -> str:
    """A business event as it is kept once it found its engagement; its id."""
    identity = event_id(event.source, event.id)
    subject = sold.project if sold is not None else None
    await connection.execute(
        insert(business_event).values(
            id=identity,
            source=event.source,
            external_id=event.id,
            type=event.type,
            occurred_at=event.occurred_at,
            received_at=event.occurred_at,
            state="delivered",
            subject_system=subject.system if subject else None,
            subject_kind=subject.kind if subject else None,
            subject_id=subject.id if subject else None,
            body=event.model_dump(mode="json"),
        )
    )
    return identity
