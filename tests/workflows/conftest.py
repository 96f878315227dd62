"""The workflow bench: a real Temporal server, the real workflows, a small world of fake
activities."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from activities.failures import FailureInterceptor
from runtime.local.temporal_server import TemporalOptions, TemporalServer
from tests.workflows.world import CRM, ERP, PSA, World
from workers.sandbox import workflow_runner
from workflows import names
from workflows.registry import WORKFLOWS
from workflows.tolerance import SignalTolerance

PATIENCE_S = 30.0

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
async def temporal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TemporalServer]:
    directory = Path(tmp_path_factory.mktemp("temporal"))
    options = TemporalOptions(
        search_attributes=names.SEARCH_ATTRIBUTES,
        dynamic_config={"limit.historyCount.suggestContinueAsNew": 150},
    )
    async with TemporalServer(directory, options) as server:
        yield server


@pytest.fixture(scope="session")
async def client(temporal: TemporalServer) -> Client:
    return await Client.connect(temporal.address, data_converter=pydantic_data_converter)


class Bench:
    """Starts workflows, tells them things, and waits until something holds."""

    def __init__(self, client: Client, world: World, number: int) -> None:
        self.client, self.world = client, world
        self.engagement_id = f"{CRM}/006-{number}"
        self.engagement = names.engagement(self.engagement_id)
        self.queue = f"main-{number}"

    async def start(self, workflow: Any, params: Any, id: str) -> WorkflowHandle[Any, Any]:
        handle: WorkflowHandle[Any, Any] = await self.client.start_workflow(
            workflow, params, id=id, task_queue=self.queue, execution_timeout=timedelta(minutes=2)
        )
        return handle

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():  # noqa: ASYNC110 - the world is plain data, it sets no events
                await asyncio.sleep(0.02)
        assert holds(), what

    async def until_page_says(self, id: str, text: str) -> str:
        """Wait for the workflow's status page to contain a text."""
        handle = self.client.get_workflow_handle(id)
        page = ""
        async with asyncio.timeout(PATIENCE_S):
            while text not in page:
                page = await _page(handle)
                await asyncio.sleep(0.05)
        return page

    async def status(self, id: str) -> WorkflowExecutionStatus | None:
        return (await self.client.get_workflow_handle(id).describe()).status


async def _page(handle: WorkflowHandle[Any, Any]) -> str:
    try:
        return str(await handle.query("status"))
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return "not started yet"
        raise


@pytest.fixture(params=[1000, 0], ids=["cached", "uncached"])
def cache_size(request: pytest.FixtureRequest) -> int:
    """Each test runs twice: with a cache, and replaying from the start at each task."""
    return int(request.param)


@pytest.fixture
async def bench(
    client: Client, cache_size: int, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bench]:
    number = next(_numbers)
    world = World(number)
    bench = Bench(client, world, number)
    monkeypatch.setattr(names, "MAIN_QUEUE", bench.queue)
    interceptor = FailureInterceptor(world, lambda: datetime.now(UTC))
    async with AsyncExitStack() as stack:
        for queue in (bench.queue, *(names.system_queue(system) for system in (CRM, PSA, ERP))):
            main = queue == bench.queue
            worker = Worker(
                client,
                task_queue=queue,
                workflows=WORKFLOWS if main else [],
                activities=world.activities(),
                workflow_runner=workflow_runner(),
                interceptors=[interceptor, SignalTolerance()],
                max_cached_workflows=cache_size if main else 1000,
                graceful_shutdown_timeout=timedelta(seconds=1),
            )
            await stack.enter_async_context(worker)
        yield bench
