"""Walks a long list of rows while it changes: in the order of creation, without gaps or repeats.

Offset pages shift when rows leave the list behind us. A changed count tells it; the walk then
starts again from the creation time of the last row it has, which no change can move.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from pydantic import AwareDatetime

from adapters.kantata.api import PAGES_MAX, Collection, Query
from adapters.kantata.envelope import Page
from adapters.kantata.rows import DatedRow
from canonical.base import Noun
from canonical.errors import AnswerUnreadable, SystemUnavailable

D = TypeVar("D", bound=DatedRow)
STEP = timedelta(seconds=1)
"""Timestamps have whole seconds, and nobody says whether `created_after` includes its bound."""
RESTARTS_MAX = 20
"""In a row, without a new row between them: then the list changes faster than it can be read."""


class Position(Noun):
    """Where a walk goes on: after `last`, with `page` of the list from `floor` on."""

    page: int = 1
    count: int | None = None
    """The count that the list had; None before its first page."""
    floor: AwareDatetime | None = None
    last: tuple[AwareDatetime, int] | None = None
    """Creation time and id of the last row that was told."""

    def again(self) -> Position:
        """From the last row's creation on."""
        floor = self.last[0] if self.last else None
        return Position(floor=floor, last=self.last)


@dataclass(frozen=True)
class Stretch(Generic[D]):
    """The new rows of one page, and where to go on after them."""

    rows: Sequence[D]
    page: Page[D]
    after: Position


async def walk(
    collection: Collection[D], query: Query[D], position: Position
) -> AsyncIterator[Stretch[D]]:
    """All rows from `position` on, each once. Raises SystemUnavailable when the list changes
    faster than it can be read."""
    restarts = 0
    for _ in range(PAGES_MAX):
        page = await collection.page(_from(query, position), position.page)
        if position.count is not None and page.count != position.count:
            restarts += 1
            _check_restarts(page, restarts, collection.key)
            position = position.again()
            continue
        rows = _new_rows(page, position, collection.key)
        restarts = 0 if rows else restarts
        position = Position(
            page=position.page + 1,
            count=page.count,
            floor=position.floor,
            last=_key(rows[-1]) if rows else position.last,
        )
        yield Stretch(rows, page, position)
        if page.is_last:
            return
    raise AnswerUnreadable(page.system, "the list has no end", where=collection.key)


def _from(query: Query[D], position: Position) -> Query[D]:
    ordered = query.extended(order="created_at:asc")
    if position.floor is None:
        return ordered
    return ordered.extended(created_after=(position.floor - STEP).isoformat())


def _key(row: DatedRow) -> tuple[AwareDatetime, int]:
    return row.created_at, int(row.id)


def _new_rows(page: Page[D], position: Position, name: str) -> list[D]:
    """What was not told yet. Raises AnswerUnreadable when the order was ignored."""
    keys = [_key(row) for row in page.rows]
    if keys != sorted(keys):
        raise AnswerUnreadable(page.system, "the order was ignored", where=f"{name}?order")
    return [row for row in page.rows if position.last is None or _key(row) > position.last]


def _check_restarts(page: Page[D], restarts: int, name: str) -> None:
    if restarts > RESTARTS_MAX:
        raise SystemUnavailable(page.system, f"{name} change faster than they can be read")
