"""Time and expenses: bulk upserts, totals to compare with the sources, and the feeds' cursors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.ids import ExternalRef
from canonical.records import ItemsStored
from canonical.work import SourceTotals, WorkItem
from store.engine import transaction
from store.tables import feed_cursor, source_completion, work_item
from store.work_items import upsert_items


class WorkStore:
    """Implements `canonical.records.WorkRecords`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def cursor(self, system: str, feed: str) -> str:
        async with transaction(self._engine) as connection:
            found = await connection.scalar(
                select(feed_cursor.c.cursor).where(
                    feed_cursor.c.system == system, feed_cursor.c.feed == feed
                )
            )
        return found or ""

    async def store_items(
        self, items: Sequence[WorkItem], *, feed: tuple[str, str, str] | None = None
    ) -> ItemsStored:
        """See `store.work_items.upsert_items`; the cursor moves only with the items."""
        async with transaction(self._engine) as connection:
            stored = await upsert_items(connection, items)
            if feed is not None:
                await move_cursor(connection, *feed)
        return stored

    async def totals(
        self,
        project: ExternalRef,
        kind: Literal["time", "expense"],
        first: date,
        last: date,
        cutoff: datetime,
    ) -> SourceTotals:
        columns = work_item.c
        async with transaction(self._engine) as connection:
            found = await connection.execute(
                select(
                    func.count(),
                    func.coalesce(func.sum(columns.quantity), 0),
                    func.coalesce(func.sum(columns.cost), 0),
                ).where(
                    columns.project_system == project.system,
                    columns.project_kind == project.kind,
                    columns.project_id == project.id,
                    columns.kind == kind,
                    columns.approved,
                    columns.work_date.between(first, last),
                    columns.approved_at <= cutoff,
                )
            )
            count, quantity, cost = found.one()
        return SourceTotals(kind=kind, count=count, quantity=quantity, cost=cost)

    async def declared_totals(
        self, project: ExternalRef, kind: Literal["time", "expense"], cutoff: datetime
    ) -> SourceTotals | None:
        """The declaration of the first instant that is not before the cut-off; `as_of` is that
        instant."""
        columns = source_completion.c
        async with transaction(self._engine) as connection:
            found = await connection.execute(
                select(columns.count, columns.quantity, columns.cost, columns.up_to)
                .where(
                    columns.project_system == project.system,
                    columns.project_kind == project.kind,
                    columns.project_id == project.id,
                    columns.kind == kind,
                    columns.up_to >= cutoff,
                )
                .order_by(columns.up_to)
                .limit(1)
            )
            row = found.mappings().one_or_none()
        if row is None:
            return None
        return SourceTotals(
            kind=kind,
            count=row["count"],
            quantity=row["quantity"],
            cost=row["cost"],
            as_of=row["up_to"],
        )

    async def note_poll(self, system: str, feed: str, cursor: str) -> None:
        async with transaction(self._engine) as connection:
            await move_cursor(connection, system, feed, cursor)


async def move_cursor(connection: AsyncConnection, system: str, feed: str, cursor: str) -> None:
    await connection.execute(
        insert(feed_cursor)
        .values(system=system, feed=feed, cursor=cursor)
        .on_conflict_do_update(
            index_elements=[feed_cursor.c.system, feed_cursor.c.feed],
            set_={"cursor": cursor, "moved_at": text("now()")},
        )
    )
