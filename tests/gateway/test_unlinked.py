"""What waits for a link too long becomes a case; what waits a little does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.events import BillingCutoff
from canonical.ids import ExternalRef
from gateway.unlinked import PATIENCE, UnlinkedWatch
from store.events import EventStore
from store.overview import Overview

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


async def recorded(engine: AsyncEngine) -> EventStore:
    events = EventStore(engine)
    project = ExternalRef(system="expenses", kind="project", id="NOBODY-1")
    event = BillingCutoff(
        id="c-1",
        source="expenses",
        occurred_at=NOON,
        legal_entity="NORTH-DE",
        period="2026-10",
        cutoff=NOON,
        project=project,
    )
    assert (await events.record_event(event, NOON)).waiting
    return events


async def test_an_event_that_waits_for_hours_becomes_one_case(engine: AsyncEngine) -> None:
    watch = UnlinkedWatch(await recorded(engine), lambda: NOON + PATIENCE + timedelta(minutes=1))
    assert await watch.step() == 1
    assert await watch.step() == 0
    (case,) = await Overview(engine).open_cases()
    assert "NOBODY-1" in case.message


async def test_an_event_that_has_just_come_is_left_to_wait(engine: AsyncEngine) -> None:
    watch = UnlinkedWatch(await recorded(engine), lambda: NOON + timedelta(minutes=1))
    assert await watch.step() == 0
