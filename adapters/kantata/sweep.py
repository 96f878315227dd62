"""A reconciliation: every row that was updated in a window, found without the change feed.

An approval may leave the rows of a report untouched, so a window that does not begin with
everything walks the reports too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

from adapters.kantata.api import PAGES_MAX, Collection, Kantata, Query
from adapters.kantata.cursor import Stage, SweepCursor, write_cursor
from adapters.kantata.rows import Row, SubmissionRow, WorkRow
from adapters.kantata.walk import walk
from adapters.kantata.work import WorkKind, WorkReader, expense_kind, time_kind
from canonical.errors import SystemUnavailable
from canonical.work import ChangePage

W = TypeVar("W", bound=WorkRow)
R = TypeVar("R", bound=Row)


class Sweep:
    """One reconciliation, from a cursor on. `finish` is the cursor after it."""

    def __init__(self, kantata: Kantata, start: SweepCursor, finish: str) -> None:
        self._start, self._finish = start, finish
        self._reader = WorkReader(kantata)
        self._time, self._expenses = time_kind(kantata), expense_kind(kantata)
        self._safe = write_cursor(start)

    async def pages(self) -> AsyncIterator[ChangePage]:
        """Pages of items, then an empty one with the cursor after the reconciliation. Raises what
        could not be read, at the end; the cursor then stays before it."""
        for stage in self._stages():
            cursor = self._start.at_stage(stage)
            self._keep(write_cursor(cursor))
            async for page in self._stage(cursor):
                yield page
        self._keep(self._finish)
        yield ChangePage(items=(), cursor=self._safe, has_more=False)
        self._reader.troubles.raise_if_any()

    def _stages(self) -> list[Stage]:
        stages = list(Stage) if self._start.after else [Stage.TIME, Stage.EXPENSES]
        return stages[stages.index(self._start.stage) :]

    def _stage(self, cursor: SweepCursor) -> AsyncIterator[ChangePage]:
        match cursor.stage:
            case Stage.TIME:
                return self._rows(self._time, cursor)
            case Stage.EXPENSES:
                return self._rows(self._expenses, cursor)
            case Stage.TIMESHEETS:
                return self._reports(self._time, cursor)
            case Stage.EXPENSE_REPORTS:
                return self._reports(self._expenses, cursor)

    async def _rows(self, kind: WorkKind[W], cursor: SweepCursor) -> AsyncIterator[ChangePage]:
        query = kind.query(**_window(cursor))
        async for stretch in walk(kind.rows, query, cursor.position):
            items = await self._reader.items(kind, stretch.page, stretch.rows)
            self._keep(write_cursor(cursor.moved(stretch.after)))
            yield ChangePage(items=items, cursor=self._safe, has_more=True)

    async def _reports(self, kind: WorkKind[W], cursor: SweepCursor) -> AsyncIterator[ChangePage]:
        query: Query[SubmissionRow] = Query({**_window(cursor), "order": "date:asc"})
        async for report_ids in _ids(kind.reports, query):
            async for items in self._reader.read_reports(kind, report_ids):
                yield ChangePage(items=items, cursor=self._safe, has_more=True)

    def _keep(self, cursor: str) -> None:
        """Move the cursor, unless something before it could not be taken."""
        if not self._reader.troubles.count:
            self._safe = cursor


def _window(cursor: SweepCursor) -> dict[str, str]:
    """Open towards now: what changes meanwhile is told by the next pull, from `until` on."""
    if cursor.after is None:
        return {}
    return {"updated_after": cursor.after.isoformat(timespec="seconds")}


async def _ids(collection: Collection[R], query: Query[R]) -> AsyncIterator[list[str]]:
    """Ids of a list without a stable order: when it changes, it is read from its start again."""
    number, count = 1, None
    for _ in range(PAGES_MAX):
        page = await collection.page(query, number)
        if count is not None and page.count != count:
            number, count = 1, None
            continue
        count, number = page.count, number + 1
        if page.faults:
            raise page.faults[0]
        if page.rows:
            yield [row.id for row in page.rows]
        if page.is_last:
            return
    raise SystemUnavailable(page.system, f"{collection.key} change faster than they can be read")
