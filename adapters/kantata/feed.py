"""The change feed: events say that something changed, never what; subjects are read again.

Kantata has no webhooks. The feed is pulled: late by minutes, in no guaranteed order, with repeats
and, as experience with feeds goes, sometimes with a gap, which the comparison of totals finds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from pydantic import ValidationError

from adapters.kantata import mapping
from adapters.kantata.api import Kantata, Query
from adapters.kantata.cursor import OVERLAP, FeedCursor, write_cursor
from adapters.kantata.rows import EventRow, ExpenseRow, TimeEntryRow
from adapters.kantata.work import Item, WorkReader, expense_kind, time_kind
from canonical.errors import DataRejected
from canonical.work import ChangePage

log = structlog.get_logger(__name__)

EVENT_TYPES = (
    "time_entry:created",
    "time_entry:updated",
    "time_entry:deleted",
    "timesheet:created",
    "timesheet:time_entry_added",
    "timesheet:updated",
    "expense:created",
    "expense:updated",
    "expense:deleted",
    "expense_report:created",
    "expense_report:expense_added",
    "expense_report:updated",
)
QUIET = timedelta(hours=1)
"""With nothing new the cursor follows this far behind, so that silence does not age it."""
REMEMBERED_MAX = 200_000
"""Subjects remembered in one walk; forgetting them only costs reading one again."""


@dataclass
class Hints:
    """Subjects that the events of one page name and that this walk has not read yet."""

    time: list[str] = field(default_factory=list)
    timesheets: list[str] = field(default_factory=list)
    expenses: list[str] = field(default_factory=list)
    expense_reports: list[str] = field(default_factory=list)
    deleted: list[EventRow] = field(default_factory=list)


class HintReader:
    """Sorts events into hints. Within a walk an event counts once, and so does a subject: all of
    the walk's events were created before the subject was read."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def hints(self, events: Sequence[EventRow]) -> Hints:
        if len(self._seen) > REMEMBERED_MAX:
            self._seen.clear()
        hints = Hints()
        lists = {
            "time_entry": hints.time,
            "timesheet": hints.timesheets,
            "expense": hints.expenses,
            "expense_report": hints.expense_reports,
        }
        for event in events:
            noun, _, verb = event.event_type.partition(":")
            if verb == "deleted" and self._new(f"event:{event.id}"):
                hints.deleted.append(event)
            elif verb != "deleted" and self._new(f"{noun}:{event.subject_id}"):
                lists[noun].append(event.subject_id)
        return hints

    def untold(self, items: Sequence[Item]) -> tuple[Item, ...]:
        """Items that this walk did not tell yet: one read as a hint's subject is also read with
        its report."""
        return tuple(item for item in items if self._new(f"item:{item.kind}:{item.external_id}"))

    def wanted(self, kind: str, ids: Sequence[str]) -> list[str]:
        """Ids that this walk has not told yet."""
        return [each for each in ids if f"item:{kind}:{each}" not in self._seen]

    def _new(self, key: str) -> bool:
        if key in self._seen:
            return False
        self._seen.add(key)
        return True


async def feed(kantata: Kantata, start: FeedCursor, now: datetime) -> AsyncIterator[ChangePage]:
    """Pages of changed items since the cursor. Raises what could not be read, at the end."""
    reader, hints = WorkReader(kantata), HintReader()
    safe = write_cursor(start)
    highest = start.at
    async for page in kantata.subscribed_events.pages(_since(start.at - OVERLAP)):
        for fault in page.faults:
            reader.troubles.add(fault)
        async for items in _read(reader, hints, page.rows):
            yield ChangePage(items=items, cursor=safe, has_more=True)
        highest = max([highest, *(event.created_at for event in page.rows)])
        if page.is_last:
            highest = max(highest, now - QUIET)
        if not reader.troubles.count:
            safe = write_cursor(FeedCursor(at=highest))
        yield ChangePage(items=(), cursor=safe, has_more=not page.is_last)
    reader.troubles.raise_if_any()


def _since(moment: datetime) -> Query[EventRow]:
    return Query(
        {
            "created_after": moment.isoformat(timespec="seconds"),
            "event_types": ",".join(EVENT_TYPES),
            "order": "created_at:asc",
            "optional_fields": "previous_payload",
        },
        {
            "event_types": lambda event: event.event_type in EVENT_TYPES,
            "created_after": lambda event: event.created_at >= moment.replace(microsecond=0),
        },
    )


async def _read(
    reader: WorkReader, hints: HintReader, events: Sequence[EventRow]
) -> AsyncIterator[tuple[Item, ...]]:
    """Reports first: their rows are then not read one by one."""
    time, expenses = time_kind(reader.kantata), expense_kind(reader.kantata)
    hinted = hints.hints(events)
    async for items in reader.read_reports(time, hinted.timesheets):
        yield hints.untold(items)
    async for items in reader.read_ids(time, hints.wanted("time", hinted.time)):
        yield hints.untold(items)
    async for items in reader.read_reports(expenses, hinted.expense_reports):
        yield hints.untold(items)
    async for items in reader.read_ids(expenses, hints.wanted("expense", hinted.expenses)):
        yield hints.untold(items)
    gone = (last_words(reader.kantata.system, event) for event in hinted.deleted)
    if left := tuple(item for item in gone if item is not None):
        yield left


def last_words(system: str, event: EventRow) -> Item | None:
    """A deleted row as an item that lost its approval, from the state before its deletion.

    The inner shape of that state is not documented: when it does not read as a row, the comparison
    of totals has to find the loss.
    """
    payload = {
        **(event.previous_payload or {}),
        "id": event.subject_id,
        "approved": False,
        "recent_submission_id": None,
        "updated_at": event.subject_changed_at.isoformat(),
    }
    known = mapping.Surroundings()
    try:
        if event.event_type.startswith("expense:"):
            return mapping.expense(system, ExpenseRow.model_validate(payload), known)
        return mapping.time_entry(system, TimeEntryRow.model_validate(payload), known)
    except (ValidationError, DataRejected) as error:
        log.warning(
            "kantata.deleted_row_unreadable",
            system=system,
            event_type=event.event_type,
            subject_id=event.subject_id,
            reason=type(error).__name__,
        )
        return None
