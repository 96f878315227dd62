"""Nudges from the store to workflows on a real Temporal server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from canonical.events import EVENT
from canonical.ids import EngagementId
from gateway.loops import Backoff, Loop
from gateway.metrics import GatewayMetrics
from gateway.nudging import ABSENT_ATTEMPTS_MAX, NudgeRelay, TemporalUnavailable
from runtime.local.temporal_server import TemporalOptions, TemporalServer
from runtime.temporal import data_converter
from store.events import EventStore
from store.nudges import Nudges
from tests.gateway.builders import NOW, make_deal_closed
from tests.gateway.conftest import Rows
from tests.gateway.recording import RecordingEngagement
from workflows import names
from workflows.engagement import EngagementState
from workflows.pace import Pace

AT_ONCE = Backoff(first_s=0, most_s=0)
RUNNER = SandboxedWorkflowRunner(
    restrictions=SandboxRestrictions.default.with_passthrough_modules(
        "workflows", "activities", "canonical"
    )
)


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TemporalServer]:
    directory = tmp_path_factory.mktemp("temporal")
    options = TemporalOptions(database=directory / "temporal.db")
    async with TemporalServer(directory, options) as server:
        yield server


@pytest.fixture(scope="module")
async def temporal(server: TemporalServer) -> AsyncIterator[Client]:
    client = await Client.connect(server.address, data_converter=data_converter())
    async with Worker(
        client,
        task_queue=names.MAIN_QUEUE,
        workflows=[RecordingEngagement],
        workflow_runner=RUNNER,
    ):
        yield client


def make_relay(engine: AsyncEngine, temporal: Client, **options: Any) -> NudgeRelay:
    metrics = GatewayMetrics(CollectorRegistry())
    defaults = {"backoff": AT_ONCE, "rpc_timeout": timedelta(seconds=2)}
    return NudgeRelay(Nudges(engine), temporal, metrics, **{**defaults, **options})


async def close_deal(engine: AsyncEngine, deal: str, event: int = 1) -> str:
    """Record that the deal was closed; the workflow's id."""
    raw = make_deal_closed(event)
    raw = raw | {"id": f"{deal}-{event}", "deal": raw["deal"] | {"id": deal}}
    recorded = await EventStore(engine).record_event(EVENT.validate_python(raw), NOW)
    return recorded.recipients[0]


async def news_of(temporal: Client, workflow_id: str) -> int:
    return await temporal.get_workflow_handle(workflow_id).query(RecordingEngagement.news)


async def unnudged(rows: Rows) -> int:
    (row,) = await rows.all("SELECT count(*) FROM event_delivery WHERE nudged_at IS NULL")
    return int(str(row[0]))


async def test_a_closed_deal_starts_its_engagement_with_the_first_news(
    engine: AsyncEngine, temporal: Client, rows: Rows
) -> None:
    workflow_id = await close_deal(engine, "006-start")
    relay = make_relay(engine, temporal, pace=Pace(seconds_per_day=1))
    assert await relay.step() == 1
    assert await news_of(temporal, workflow_id) == 1
    handle = temporal.get_workflow_handle(workflow_id)
    state = await handle.query(RecordingEngagement.state)
    assert state == EngagementState(
        engagement_id=EngagementId("crm-one/006-start"), pace=Pace(seconds_per_day=1)
    )
    assert await unnudged(rows) == 0
    assert await relay.step() == 0


async def test_a_second_closing_signals_the_run_that_lives(
    engine: AsyncEngine, temporal: Client
) -> None:
    workflow_id = await close_deal(engine, "006-second")
    relay = make_relay(engine, temporal)
    await relay.step()
    first_run = (await temporal.get_workflow_handle(workflow_id).describe()).run_id
    await close_deal(engine, "006-second", event=2)
    await relay.step()
    assert await news_of(temporal, workflow_id) == 2
    assert (await temporal.get_workflow_handle(workflow_id).describe()).run_id == first_run


async def test_much_news_for_one_workflow_is_one_signal(
    engine: AsyncEngine, temporal: Client, rows: Rows
) -> None:
    for event in range(30):
        workflow_id = await close_deal(engine, "006-much", event)
    assert await make_relay(engine, temporal).step() == 30
    assert await news_of(temporal, workflow_id) == 1
    assert await unnudged(rows) == 0


async def test_an_engagement_that_has_ended_gets_no_second_life_but_a_case(
    engine: AsyncEngine, temporal: Client, rows: Rows
) -> None:
    workflow_id = await close_deal(engine, "006-ended")
    relay = make_relay(engine, temporal)
    await relay.step()
    handle = temporal.get_workflow_handle(workflow_id)
    await handle.signal(RecordingEngagement.end)
    await handle.result()
    ended = (await handle.describe()).run_id
    await close_deal(engine, "006-ended", event=2)
    await relay.step()
    assert (await handle.describe()).run_id == ended
    assert await rows.all("SELECT cause, owner FROM exception_case") == [
        ("WorkflowEnded", "project_operations")
    ]
    assert await relay.step() == 0


async def address_to(rows: Rows, recipient: str) -> None:
    """A delivery for another workflow, as linking an invoice makes one."""
    await rows.change(f"INSERT INTO process (id, kind) VALUES ('{recipient}', 'invoice')")
    await rows.change(f"UPDATE event_delivery SET recipient = '{recipient}'")
    await rows.change("UPDATE business_event SET type = 'payment.received'")


async def test_news_for_a_workflow_that_starts_a_moment_later_is_kept_for_it(
    engine: AsyncEngine, temporal: Client, rows: Rows
) -> None:
    await close_deal(engine, "006-later")
    await address_to(rows, "invoice/later")
    relay = make_relay(engine, temporal)
    assert await relay.step() == 1
    assert await unnudged(rows) == 1
    await temporal.start_workflow(
        RecordingEngagement.run,
        EngagementState(engagement_id=EngagementId("crm-one/x")),
        id="invoice/later",
        task_queue=names.MAIN_QUEUE,
    )
    await relay.step()
    assert await news_of(temporal, "invoice/later") == 1
    assert await unnudged(rows) == 0


async def test_news_for_a_workflow_that_never_starts_becomes_a_case_and_stays_unapplied(
    engine: AsyncEngine, temporal: Client, rows: Rows
) -> None:
    await close_deal(engine, "006-never")
    await address_to(rows, "invoice/never")
    relay = make_relay(engine, temporal)
    for _ in range(ABSENT_ATTEMPTS_MAX):
        assert await relay.step() == 1
    assert await relay.step() == 0
    assert await rows.all("SELECT cause, owner FROM exception_case") == [
        ("WorkflowMissing", "integration_support")
    ]
    assert await rows.all("SELECT applied_by FROM event_delivery") == [(None,)]
    with pytest.raises(RPCError):
        await temporal.get_workflow_handle("invoice/never").describe()


async def test_while_temporal_is_down_nudges_wait_and_none_is_lost(
    engine: AsyncEngine, server: TemporalServer, temporal: Client, rows: Rows
) -> None:
    ids = [await close_deal(engine, f"006-down-{number}") for number in range(5)]
    relay = make_relay(engine, temporal)
    await server.kill()
    with pytest.raises(TemporalUnavailable, match="5 workflows"):
        await relay.step()
    assert await unnudged(rows) == 5
    await server.start()
    assert await relay.step() == 5
    assert [await news_of(temporal, workflow_id) for workflow_id in ids] == [1] * 5
    assert await unnudged(rows) == 0


async def test_two_relays_tell_every_workflow_once(
    engine: AsyncEngine, temporal: Client, rows: Rows
) -> None:
    ids = [await close_deal(engine, f"006-race-{number}") for number in range(40)]
    relays = [make_relay(engine, temporal, nudges_per_step=5) for _ in range(2)]

    async def drain(relay: NudgeRelay) -> int:
        return sum([amount async for amount in _amounts(relay)])

    assert sum(await asyncio.gather(*(drain(relay) for relay in relays))) == 40
    assert [await news_of(temporal, workflow_id) for workflow_id in ids] == [1] * 40


async def _amounts(relay: NudgeRelay) -> AsyncIterator[int]:
    while amount := await relay.step():
        yield amount


async def test_a_new_delivery_wakes_the_loop_long_before_it_would_look_by_itself(
    engine: AsyncEngine, temporal: Client
) -> None:
    nudges = Nudges(engine)
    relay = make_relay(engine, temporal)
    stepped = asyncio.Event()

    async def step() -> int:
        amount = await relay.step()
        if amount == 0:
            stepped.set()
        return amount

    loop = Loop("nudges", step, lambda: nudges.listen(poll_interval_s=600), per_second_max=1_000)
    stop = asyncio.Event()
    running = asyncio.create_task(loop.run(stop))
    await stepped.wait()
    stepped.clear()
    workflow_id = await close_deal(engine, "006-woken")
    async with asyncio.timeout(10):
        await stepped.wait()
    assert await news_of(temporal, workflow_id) == 1
    stop.set()
    await running
