"""The inbox: notifications as they came, stored before they are acknowledged, translated later."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from pydantic import AwareDatetime
from pydantic_core import to_json
from sqlalchemy import CursorResult, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.base import Noun
from canonical.case import Case
from store import trail
from store.engine import transaction
from store.listen import POLL_INTERVAL_S, wake_ups
from store.tables import inbox

CHANNEL: Final = "c2c_inbox"
REASON_MAX: Final = 4_000
REPLAY_MAX: Final = 10_000
"""Rows that one replay sets to new."""


class InboxRow(Noun):
    """One notification, as its source sent it."""

    id: int
    source: str
    notification_id: str
    payload: dict[str, str]
    received_at: AwareDatetime
    attempts: int
    """Attempts that failed for a while, before this one."""


class Claimed:
    """Rows that this transaction holds; what it does not mark stays new."""

    def __init__(self, connection: AsyncConnection, rows: tuple[InboxRow, ...]) -> None:
        self.connection = connection
        """Record what the rows mean on this connection: it commits together with their marks."""
        self.rows = rows

    @asynccontextmanager
    async def attempt(self, row: InboxRow) -> AsyncIterator[AsyncConnection]:
        """A savepoint for one row: an error inside undoes this row's work and no other's."""
        async with self.connection.begin_nested():
            yield self.connection

    async def done(self, row: InboxRow) -> None:
        await self._mark(row, "done", "")

    async def dead(self, row: InboxRow, reason: str, case: Case) -> None:
        """A dead letter, with the case that says who mends it; `replay` brings it back."""
        await self._mark(row, "dead", reason)
        await trail.open_case(self.connection, case)

    async def failed(self, row: InboxRow, reason: str, retry_after_s: float) -> None:
        """It stays new, is offered again after a while, and its attempts are counted."""
        await self.connection.execute(
            text(
                "UPDATE inbox SET attempts = attempts + 1, reason = :reason,"
                " available_at = now() + make_interval(secs => :seconds) WHERE id = :id"
            ),
            {"id": row.id, "reason": _storable(reason), "seconds": retry_after_s},
        )

    async def _mark(self, row: InboxRow, state: str, reason: str) -> None:
        await self.connection.execute(
            update(inbox)
            .where(inbox.c.id == row.id)
            .values(state=state, reason=_storable(reason), handled_at=text("now()"))
        )


class Inbox:
    """Many gateways store, many relays claim; a notification is handled once."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def store(
        self,
        source: str,
        notifications: Sequence[tuple[str, dict[str, str]]],
        received_at: datetime,
    ) -> int:
        """Store (notification id, payload) pairs in one transaction; returns how many were new.

        When this returns they are committed: only then may the sender be told so.
        """
        async with transaction(self._engine) as connection:
            stored = await _insert(connection, source, notifications, received_at)
            if stored.rowcount:
                await _notify(connection)
            return stored.rowcount

    @asynccontextmanager
    async def claim(self, limit: int) -> AsyncIterator[Claimed]:
        """Up to `limit` new rows, oldest first, that no other relay holds; one transaction."""
        async with transaction(self._engine) as connection:
            found = await connection.execute(
                select(
                    inbox.c.id,
                    inbox.c.source,
                    inbox.c.notification_id,
                    inbox.c.payload,
                    inbox.c.received_at,
                    inbox.c.attempts,
                )
                .where(inbox.c.state == "new", inbox.c.available_at <= text("now()"))
                .order_by(inbox.c.id)
                .limit(limit)
                .with_for_update(skip_locked=True)
            )
            rows = tuple(InboxRow.model_validate(row) for row in found.mappings())
            yield Claimed(connection, rows)

    async def replay(
        self,
        ids: Sequence[int] | None = None,
        *,
        source: str | None = None,
        received_from: datetime | None = None,
        received_to: datetime | None = None,
    ) -> int:
        """Set dead rows to new again: those named, or those that fit every filter given.

        Returns how many (at most `REPLAY_MAX` at a time). Raises ValueError without any filter.
        """
        filters = [
            *([inbox.c.id.in_(ids)] if ids is not None else []),
            *([inbox.c.source == source] if source is not None else []),
            *([inbox.c.received_at >= received_from] if received_from is not None else []),
            *([inbox.c.received_at < received_to] if received_to is not None else []),
        ]
        if not filters:
            raise ValueError("say what to replay: ids, a source, or a range of time")
        chosen = select(inbox.c.id).where(inbox.c.state == "dead", *filters).limit(REPLAY_MAX)
        async with transaction(self._engine) as connection:
            revived = await connection.execute(
                update(inbox)
                .where(inbox.c.id.in_(chosen))
                .values(state="new", attempts=0, available_at=text("now()"), handled_at=None)
            )
            await _notify(connection)
            return revived.rowcount

    def listen(
        self, channel: str = CHANNEL, *, poll_interval_s: float = POLL_INTERVAL_S
    ) -> AsyncGenerator[None, None]:
        """Yields when there may be rows to claim; see `store.listen.wake_ups`."""
        return wake_ups(self._engine, channel, poll_interval_s=poll_interval_s)


async def _insert(
    connection: AsyncConnection,
    source: str,
    notifications: Sequence[tuple[str, dict[str, str]]],
    received_at: datetime,
) -> CursorResult[tuple[()]]:
    return await connection.execute(
        text(
            "INSERT INTO inbox (source, notification_id, payload, received_at)"
            " SELECT :source, id, CAST(payload AS json), :received_at"
            " FROM unnest(CAST(:ids AS text[]), CAST(:payloads AS text[])) AS new (id, payload)"
            " ON CONFLICT (source, notification_id) DO NOTHING"
        ),
        {
            "source": source,
            "received_at": received_at,
            "ids": [identity for identity, _ in notifications],
            "payloads": [to_json(payload).decode() for _, payload in notifications],
        },
    )


async def _notify(connection: AsyncConnection) -> None:
    await connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": CHANNEL})


def _storable(reason: str) -> str:
    """PostgreSQL's text has no NUL; a reason may quote what a stranger sent."""
    return reason.replace("\x00", "�")[:REASON_MAX]
