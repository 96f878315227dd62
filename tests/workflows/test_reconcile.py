"""Reconcile: one day is compared, and which day does not depend on when the worker gets to it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleBackfill,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
)

from activities.reconcile import CompareDay
from canonical.errors import DataRejected
from tests.workflows.bench import Bench
from workflows import names
from workflows.reconcile import Reconcile, ReconcileParams


def params(bench: Bench, day: date | None) -> ReconcileParams:
    erp = bench.world.systems.erp
    return ReconcileParams(legal_entity="NORTH-DE", erp=erp, time_zone="Europe/Berlin", day=day)


def days_compared(bench: Bench) -> list[date]:
    asked = bench.world.requests["compare_day"]
    return [each.day for each in asked if isinstance(each, CompareDay)]


async def test_the_day_that_was_asked_for_is_compared(bench: Bench) -> None:
    day = date(2026, 3, 14)
    id = f"{names.reconcile('NORTH-DE', day)}/{bench.world.number}"
    await (await bench.start(Reconcile.run, params(bench, day), id)).result()
    assert days_compared(bench) == [day]


async def test_a_refusal_of_the_erp_parks_until_it_is_retried(bench: Bench) -> None:
    day = date(2026, 3, 14)
    bench.world.refuse["compare_day"] = [DataRejected("erp", "no such company")]
    id = f"{names.reconcile('NORTH-DE', day)}/{bench.world.number}"
    handle = await bench.start(Reconcile.run, params(bench, day), id)
    await bench.until_page_says(id, "no such company")
    await bench.tell(id, names.RETRY_NOW)
    await handle.result()
    assert days_compared(bench) == [day, day]


async def test_a_scheduled_start_compares_the_day_before_the_moment_that_was_meant(
    bench: Bench,
) -> None:
    """However late it is made up for: 22:30 UTC in summer is past midnight in Berlin."""
    meant = datetime(2026, 7, 31, 22, 30, tzinfo=UTC)
    schedule = await bench.client.create_schedule(
        f"reconcile-{bench.world.number}", _nightly(bench)
    )
    await schedule.backfill(
        ScheduleBackfill(
            start_at=meant - timedelta(hours=1),
            end_at=meant + timedelta(hours=1),
            overlap=ScheduleOverlapPolicy.ALLOW_ALL,
        )
    )
    await bench.until_called("compare_day")
    assert days_compared(bench) == [date(2026, 7, 31)]


def _nightly(bench: Bench) -> Schedule:
    at = ScheduleCalendarSpec(hour=[ScheduleRange(22)], minute=[ScheduleRange(30)])
    return Schedule(
        action=ScheduleActionStartWorkflow(
            Reconcile.run,
            params(bench, None),
            id=f"reconcile-nightly-{bench.world.number}",
            task_queue=bench.queue,
        ),
        spec=ScheduleSpec(calendars=[at]),
        state=ScheduleState(paused=True),
    )
