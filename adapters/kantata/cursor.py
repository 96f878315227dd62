"""Where a pull of changes stands, as one opaque text."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from adapters.kantata.walk import Position
from canonical.base import Noun
from canonical.errors import SetupInvalid

OVERLAP = timedelta(minutes=15)
"""Each pull reads again what is this old: the feed's order is not guaranteed."""
FEED_KEEPS = timedelta(days=9)
"""Older events are gone: then only a reconciliation finds everything."""
MARGIN = timedelta(hours=1)
"""The feed's oldest events vanish while they are read: stay clear of the edge."""


class FeedCursor(Noun):
    """Every event created up to `at` is processed."""

    mode: Literal["feed"] = "feed"
    at: AwareDatetime

    def is_too_old(self, now: datetime) -> bool:
        return self.at - OVERLAP < now - FEED_KEEPS + MARGIN


class Stage(StrEnum):
    """The lists that a reconciliation walks, in this order."""

    TIME = "time"
    EXPENSES = "expenses"
    TIMESHEETS = "timesheets"
    EXPENSE_REPORTS = "expense_reports"


class SweepCursor(Noun):
    """A reconciliation of rows updated after `after` (None: all there are), begun at `until`."""

    mode: Literal["sweep"] = "sweep"
    after: AwareDatetime | None = None
    until: AwareDatetime
    stage: Stage = Stage.TIME
    position: Position = Position()

    def at_stage(self, stage: Stage) -> SweepCursor:
        """The start of a later stage; its own stage goes on where it stands."""
        if stage is self.stage:
            return self
        return SweepCursor(after=self.after, until=self.until, stage=stage)

    def moved(self, position: Position) -> SweepCursor:
        return SweepCursor(after=self.after, until=self.until, stage=self.stage, position=position)


Cursor = FeedCursor | SweepCursor
_CURSOR: TypeAdapter[Cursor] = TypeAdapter(Annotated[Cursor, Field(discriminator="mode")])


def read_cursor(text: str, system: str) -> Cursor | None:
    """None for the empty text (from the beginning). Raises SetupInvalid for one that is not
    ours."""
    if not text:
        return None
    try:
        return _CURSOR.validate_json(text)
    except ValidationError as error:
        raise SetupInvalid(
            f"the stored cursor of {system} cannot be read; clear it to reconcile from the start"
        ) from error


def write_cursor(cursor: Cursor) -> str:
    return cursor.model_dump_json(exclude_none=True)
