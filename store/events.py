"""Business events: recorded once, delivered to whom their subject belongs."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.events import Event
from canonical.ids import ExternalRef, event_id
from canonical.records import EventRecorded
from store import references, unlinked
from store.delivery import deliver, subject_of
from store.engine import transaction
from store.tables import business_event, event_delivery

_UNDECIDED: Final = "ignored"
"""The state of a row until the same transaction has delivered it."""


class EventStore:
    """Implements `canonical.records.EventRecords`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def record_event(self, event: Event, received_at: datetime) -> EventRecorded:
        async with transaction(self._engine) as connection:
            return await record_event(connection, event, received_at)

    async def record(
        self, connection: AsyncConnection, event: Event, received_at: datetime
    ) -> EventRecorded:
        """The same in the caller's transaction."""
        return await record_event(connection, event, received_at)

    async def raise_unlinked(self, before: datetime) -> int:
        """Cases for what has waited for a link since before a moment; see `store.unlinked`."""
        async with transaction(self._engine) as connection:
            return await unlinked.raise_cases(connection, before)


async def record_event(
    connection: AsyncConnection, event: Event, received_at: datetime
) -> EventRecorded:
    """Store an event once by (source, id) and deliver it; a repetition changes nothing."""
    row = event_id(event.source, event.id)
    if not await _insert(connection, row, event, received_at):
        return await _as_recorded(connection, row)
    delivered = await deliver(connection, row, event)
    await connection.execute(
        update(business_event).where(business_event.c.id == row).values(state=delivered.state)
    )
    return EventRecorded(
        new=True, recipients=delivered.recipients, waiting=delivered.state == "waiting"
    )


async def _insert(
    connection: AsyncConnection, row: str, event: Event, received_at: datetime
) -> bool:
    inserted = await connection.execute(
        insert(business_event)
        .values(
            id=row,
            source=event.source,
            external_id=event.id,
            type=event.type,
            occurred_at=event.occurred_at,
            received_at=received_at,
            state=_UNDECIDED,
            body=event.model_dump(mode="json"),
            **_subject_columns(subject_of(event)),
        )
        .on_conflict_do_nothing()
    )
    return inserted.rowcount == 1


async def _as_recorded(connection: AsyncConnection, row: str) -> EventRecorded:
    state = await connection.scalar(
        select(business_event.c.state).where(business_event.c.id == row)
    )
    recipients = await connection.scalars(
        select(event_delivery.c.recipient)
        .where(event_delivery.c.event_id == row)
        .order_by(event_delivery.c.id)
    )
    return EventRecorded(new=False, recipients=tuple(recipients), waiting=state == "waiting")


def _subject_columns(subject: ExternalRef | None) -> dict[str, str]:
    return {} if subject is None else references.columns("subject", subject)
