"""For whom an event is: recipients, the wait for a link, and events that come too late."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.case import Case
from canonical.errors import Role
from canonical.events import (
    EVENT,
    BillingCutoff,
    DealClosed,
    Event,
    ExchangeRatesPublished,
    MilestoneAchieved,
    PaymentReceived,
    PeriodLocked,
    ProgressReported,
    RetentionReleased,
    SourceCompleted,
)
from canonical.ids import EngagementId, ExternalRef, case_id, engagement_id
from canonical.periods import period_of
from canonical.transitions import EngagementStage
from store import processes, references, trail
from store.cutoffs import open_runs
from store.declarations import declare_complete, keep_rates, lock_period
from store.work_items import upsert_recalled_or_approved

NUDGE_CHANNEL = "c2c_nudge"

ENDED = (EngagementStage.CLOSED.value, EngagementStage.CANCELLED.value)

WAITING_PER_LINK_MAX = 10_000
"""More events than this waiting for one record are a loop somewhere; they stay and are seen."""


class Delivered(NamedTuple):
    """The state of an event after an attempt to deliver it."""

    state: str
    recipients: tuple[str, ...] = ()


WAITING = Delivered("waiting")
STORED = Delivered("delivered")
"""A fact that only the store needs."""
NO_NEWS = Delivered("ignored")


def subject_of(event: Event) -> ExternalRef | None:
    """The outside record whose link decides who the event is for."""
    match event:
        case DealClosed():
            return event.deal
        case BillingCutoff() | MilestoneAchieved() | ProgressReported() | RetentionReleased():
            return event.project
        case PaymentReceived():
            return event.invoice
        case _:
            return None


async def deliver(connection: AsyncConnection, row: str, event: Event) -> Delivered:
    """Do what a new event asks for; `row` is its id in our store."""
    match event:
        case DealClosed():
            return await _to_engagement_of_deal(connection, row, event)
        case BillingCutoff():
            return await _cutoff(connection, row, event)
        case PaymentReceived():
            return await _to_invoice(connection, row, event)
        case SourceCompleted():
            await declare_complete(connection, row, event)
        case PeriodLocked():
            await lock_period(connection, row, event)
        case MilestoneAchieved() | ProgressReported():
            return await _for_the_books(connection, event)
        case RetentionReleased():
            return await _release(connection, row, event)
        case ExchangeRatesPublished():
            await keep_rates(connection, event)
        case _:
            await upsert_recalled_or_approved(connection, event)
    return STORED


async def deliver_waiting(connection: AsyncConnection, reference: ExternalRef) -> int:
    """Deliver what waited for a link that was made in this transaction, oldest first."""
    found = await connection.execute(
        text(
            "SELECT id, body FROM business_event WHERE state = 'waiting'"
            " AND subject_system = :system AND subject_kind = :kind AND subject_id = :id"
            " ORDER BY recorded_at, id LIMIT :limit FOR UPDATE"
        ),
        {**reference.model_dump(), "limit": WAITING_PER_LINK_MAX},
    )
    waiting = found.all()
    for row in waiting:
        delivered = await deliver(connection, str(row.id), EVENT.validate_python(row.body))
        await connection.execute(
            text("UPDATE business_event SET state = :state WHERE id = CAST(:id AS uuid)"),
            {"state": delivered.state, "id": str(row.id)},
        )
    return len(waiting)


async def _to_engagement_of_deal(
    connection: AsyncConnection, row: str, event: DealClosed
) -> Delivered:
    engagement = engagement_id(event.deal)
    await connection.execute(
        text(
            "INSERT INTO engagement (id, deal_system, deal_kind, deal_id)"
            " VALUES (:engagement, :system, :kind, :id) ON CONFLICT DO NOTHING"
        ),
        {"engagement": engagement, **event.deal.model_dump()},
    )
    ended = await _has_ended(connection, engagement)
    if await _was_read(connection, engagement, event.revision):
        return NO_NEWS
    if ended:
        return await _late(connection, event, engagement)
    return await _send(connection, row, [(processes.engagement_process(engagement), 0)])


async def _was_read(connection: AsyncConnection, engagement: EngagementId, revision: str) -> bool:
    """Whether the deal was last read in this very revision, which says all that the event does."""
    if not revision:
        return False
    read = await connection.scalar(
        text("SELECT deal ->> 'revision' FROM engagement WHERE id = :id"), {"id": engagement}
    )
    return bool(read == revision)


async def _to_invoice(connection: AsyncConnection, row: str, event: PaymentReceived) -> Delivered:
    await references.lock(connection, event.invoice)
    linked = await references.linked(connection, event.invoice)
    if linked is None or linked.noun != references.INVOICE:
        return WAITING
    return await _send(connection, row, [(processes.invoice_process(linked.noun_id), 0)])


async def _cutoff(connection: AsyncConnection, row: str, event: BillingCutoff) -> Delivered:
    if event.project is None:
        engagements = await _active(connection, event.legal_entity)
    else:
        await references.lock(connection, event.project)
        engagement = await _engagement_of_project(connection, event.project)
        if engagement is None:
            return WAITING
        if await _has_ended(connection, engagement):
            return await _late(connection, event, engagement)
        engagements = [engagement]
    if not engagements:
        return NO_NEWS
    runs = await open_runs(connection, row, event.period, event.cutoff, engagements)
    return await _send(
        connection, row, [(processes.engagement_process(each), run) for each, run in runs]
    )


async def _for_the_books(
    connection: AsyncConnection, event: MilestoneAchieved | ProgressReported
) -> Delivered:
    """It waits in the store: the next run or revenue close of the contract hears it."""
    engagement = await _engagement_of_project(connection, event.project)
    if engagement is None:
        return WAITING
    if await _has_ended(connection, engagement):
        return await _late(connection, event, engagement)
    return STORED


async def _release(connection: AsyncConnection, row: str, event: RetentionReleased) -> Delivered:
    """A run of its own: the invoice of what the client kept back."""
    await references.lock(connection, event.project)
    engagement = await _engagement_of_project(connection, event.project)
    if engagement is None:
        return WAITING
    if await _has_ended(connection, engagement):
        return await _late(connection, event, engagement)
    period, moment = period_of(event.occurred_at.date()), event.occurred_at
    runs = await open_runs(connection, row, period, moment, [engagement])
    return await _send(
        connection, row, [(processes.engagement_process(each), run) for each, run in runs]
    )


async def _active(connection: AsyncConnection, legal_entity: str) -> Sequence[str]:
    """The active engagements of a legal entity, locked in the order of their ids."""
    found = await connection.scalars(
        text(
            "SELECT id FROM engagement WHERE legal_entity = :entity AND stage = 'active'"
            " ORDER BY id FOR NO KEY UPDATE"
        ),
        {"entity": legal_entity},
    )
    return found.all()


async def _engagement_of_project(
    connection: AsyncConnection, project: ExternalRef
) -> EngagementId | None:
    linked = await references.linked(connection, project)
    if linked is None or linked.noun != references.PROJECT:
        return None
    engagement = await connection.scalar(
        text("SELECT engagement_id FROM project WHERE id = CAST(:id AS uuid)"),
        {"id": linked.noun_id},
    )
    return None if engagement is None else EngagementId(engagement)


async def _has_ended(connection: AsyncConnection, engagement: EngagementId) -> bool:
    """Whether it is closed or cancelled; it cannot become so before our transaction ends."""
    stage = await connection.scalar(
        text("SELECT stage FROM engagement WHERE id = :id FOR NO KEY UPDATE"), {"id": engagement}
    )
    return stage in ENDED


async def _late(connection: AsyncConnection, event: Event, engagement: EngagementId) -> Delivered:
    process = processes.engagement_process(engagement)
    subject = f"{event.type} of {engagement}"
    await trail.open_case(
        connection,
        Case(
            id=case_id(process, "LateEvent", subject),
            process=process,
            cause="LateEvent",
            subject=subject,
            owner=Role.PROJECT_OPERATIONS,
            message=f"event {event.source}/{event.id} came after engagement {engagement} had ended",
            next_step="Open a new deal for new work, or dismiss the event if it says nothing new.",
        ),
    )
    return Delivered("late")


async def _send(
    connection: AsyncConnection, row: str, recipients: Sequence[tuple[str, int]]
) -> Delivered:
    """One delivery per recipient (with the billing run opened for it, or 0), and a nudge."""
    names = [name for name, _ in recipients]
    await processes.ensure(connection, names)
    await connection.execute(
        text(
            "INSERT INTO event_delivery (event_id, recipient, run)"
            " SELECT CAST(:event AS uuid), recipient, run"
            " FROM unnest(CAST(:recipients AS text[]), CAST(:runs AS integer[]))"
            " AS new (recipient, run) ON CONFLICT DO NOTHING"
        ),
        {"event": row, "recipients": names, "runs": [run for _, run in recipients]},
    )
    await connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": NUDGE_CHANNEL})
    return Delivered("delivered", tuple(names))
