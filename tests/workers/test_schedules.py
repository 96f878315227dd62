"""Declared background work, on a real server: made true once, and left alone afterwards."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.client import Client, ScheduleDescription

from runtime.settings import Settings
from tests.workers.conftest import Document, local_document
from workers.schedules import apply_schedules
from workers.search_attributes import register_search_attributes
from workers.wiring import open_house
from workflows import names

DAILY = names.reconcile_schedule("NORTH-DE")


async def apply(
    temporal: Client, settings: Settings, document: Document | None = None
) -> list[str]:
    settings.landscape_path.write_text(json.dumps(document or local_document()))
    async with open_house(settings) as house:
        return await apply_schedules(temporal, house)


@pytest.fixture
async def applied(temporal: Client, connected: Settings) -> AsyncIterator[Client]:
    """A server with everything declared; what was started is gone afterwards."""
    await apply(temporal, connected)
    yield temporal
    await temporal.get_schedule_handle(DAILY).delete()
    for system in ("salesforce", "kantata", "tryton"):
        await temporal.get_workflow_handle(names.intake(system)).terminate()


async def daily(temporal: Client) -> ScheduleDescription:
    return await temporal.get_schedule_handle(DAILY).describe()


async def runs(temporal: Client) -> list[str | None]:
    """Which run of each intake is the present one."""
    handles = [
        temporal.get_workflow_handle(names.intake(system))
        for system in ("salesforce", "kantata", "tryton")
    ]
    return [(await handle.describe()).run_id for handle in handles]


async def test_search_attributes_are_registered_once(temporal: Client) -> None:
    await register_search_attributes(temporal)
    assert await register_search_attributes(temporal) == []


async def test_what_is_made_true_is_said(applied: Client, connected: Settings) -> None:
    said = await apply(applied, connected)
    assert said == [
        "intake of salesforce (deals) every 216000 s",
        "intake of kantata (items) every 3600 s",
        "intake of tryton (payments) every 3600 s",
        "reconciliation of NORTH-DE at 3:00 Europe/Berlin",
    ]


async def test_applying_twice_changes_nothing(applied: Client, connected: Settings) -> None:
    before, intakes = await daily(applied), await runs(applied)
    await apply(applied, connected)
    after = await daily(applied)
    assert await runs(applied) == intakes
    assert after.schedule.spec == before.schedule.spec
    assert after.schedule.policy == before.schedule.policy
    assert after.schedule.state == before.schedule.state


async def test_reconciliation_runs_in_the_entitys_own_night_and_never_twice_at_once(
    applied: Client,
) -> None:
    schedule = (await daily(applied)).schedule
    assert schedule.spec.time_zone_name == "Europe/Berlin"
    assert [each.hour[0].start for each in schedule.spec.calendars] == [3]
    assert schedule.policy.overlap.name == "SKIP"
    assert schedule.policy.catchup_window == timedelta(hours=12)


async def test_what_an_operator_paused_stays_paused(applied: Client, connected: Settings) -> None:
    await applied.get_schedule_handle(DAILY).pause(note="books are being moved")
    await apply(applied, connected)
    state = (await daily(applied)).schedule.state
    assert (state.paused, state.note) == (True, "books are being moved")


async def test_a_landscape_that_changed_changes_the_schedule(
    applied: Client, connected: Settings
) -> None:
    document = local_document()
    document["entities"][0]["time_zone"] = "Europe/Lisbon"
    await apply(applied, connected, document)
    assert (await daily(applied)).schedule.spec.time_zone_name == "Europe/Lisbon"


async def test_an_intake_that_is_declared_otherwise_is_replaced_and_only_that_one(
    applied: Client, connected: Settings
) -> None:
    before = await runs(applied)
    document = local_document()
    document["systems"][1]["poll_interval_s"] = 60
    said = await apply(applied, connected, document)
    assert "intake of kantata (items) every 60 s" in said
    after = await runs(applied)
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, True]
    await apply(applied, connected, document)
    assert await runs(applied) == after


async def test_the_attributes_that_workflows_set_can_be_searched(applied: Client) -> None:
    async for _ in applied.list_workflows(f"{names.NEEDS_ATTENTION.name} = true"):
        pytest.fail("nothing needs attention yet")
