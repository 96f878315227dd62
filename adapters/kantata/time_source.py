"""The TimeSource port on Kantata: what changed, and everything of one project."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, date, datetime
from typing import TypeVar

from adapters.kantata.account import check_account
from adapters.kantata.api import Kantata, Query
from adapters.kantata.cursor import OVERLAP, FeedCursor, SweepCursor, read_cursor, write_cursor
from adapters.kantata.feed import feed
from adapters.kantata.rows import WorkRow
from adapters.kantata.sweep import Sweep
from adapters.kantata.walk import Position, walk
from adapters.kantata.work import WorkKind, WorkReader, expense_kind, time_kind
from canonical.ids import ExternalRef
from canonical.landscape import SystemInstance
from canonical.work import ChangePage, WorkItem

W = TypeVar("W", bound=WorkRow)
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


class KantataTime:
    """Kantata as source of time and expenses."""

    def __init__(
        self,
        kantata: Kantata,
        system: SystemInstance,
        *,
        change_feed: bool = True,
        clock: Clock = utc_now,
    ) -> None:
        self._kantata, self._system = kantata, system
        self._change_feed, self._clock = change_feed, clock

    async def check(self) -> str:
        """Also proves that the change feed is open to us, when it is to be used."""
        account = await check_account(self._kantata, self._system)
        if not self._change_feed:
            return f"{account}; no change feed, every pull reconciles"
        await self._kantata.subscribed_events.page(Query({"only": "0"}))
        return f"{account}; change feed open"

    async def changes_since(self, cursor: str) -> AsyncIterator[ChangePage]:
        """Changed items since the cursor, by the feed; without a cursor, with one older than the
        feed reaches, or without a feed, by reconciliation.

        Rows that do not fit are left out, keep the cursor before them, and are raised at the end.
        """
        now = self._clock()
        position = read_cursor(cursor, self._system.name)
        if isinstance(position, FeedCursor) and self._change_feed and not position.is_too_old(now):
            async for page in feed(self._kantata, position, now):
                yield page
            return
        if isinstance(position, FeedCursor):
            position = SweepCursor(after=position.at - OVERLAP, until=now)
        start = position or SweepCursor(until=now)
        finish = write_cursor(FeedCursor(at=start.until))
        async for page in Sweep(self._kantata, start, finish).pages():
            yield page

    async def items_of(
        self, project: ExternalRef, first: date, last: date
    ) -> AsyncIterator[Sequence[WorkItem]]:
        """All time, then all expenses of the project in these work dates, each item once.

        Raises RecordMissing for a project that is hidden from us: its empty list proves nothing.
        """
        reader, count = WorkReader(self._kantata), 0
        async for items in _listed(reader, time_kind(self._kantata), project.id, first, last):
            count += len(items)
            yield items
        async for items in _listed(reader, expense_kind(self._kantata), project.id, first, last):
            count += len(items)
            yield items
        reader.troubles.raise_if_any()
        if not count:
            await self._kantata.workspaces.show(project.id, {"include_archived": "true"})


async def _listed(
    reader: WorkReader, kind: WorkKind[W], workspace_id: str, first: date, last: date
) -> AsyncIterator[Sequence[WorkItem]]:
    dates = f"{first.isoformat()}:{last.isoformat()}"
    query = Query(
        kind.query(workspace_id=workspace_id, **{kind.dates_filter: dates}).params,
        {
            "workspace_id": lambda row: row.workspace_id == workspace_id,
            kind.dates_filter: lambda row: first <= row.worked_on <= last,
        },
    )
    async for stretch in walk(kind.rows, query, Position()):
        if items := await reader.items(kind, stretch.page, stretch.rows):
            yield items
