"""The workflow bench: the real workflows on a real server, over a small world of fake
activities."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper
from temporalio.worker import Worker

from activities.failures import FailureInterceptor
from runtime.local.temporal_server import TemporalOptions
from tests.workflows.ear import Ear
from tests.workflows.world import World
from workers.sandbox import workflow_runner
from workflows import names
from workflows.registry import WORKFLOWS
from workflows.tolerance import SignalTolerance

PATIENCE_S = 30.0
LOOK_EVERY_S = 0.02
ASK_FIRST_AFTER_S, ASK_AT_MOST_EVERY_S = 0.1, 0.5

ORDER = {"by": "Ada", "reason": "because"}
"""What operators send with a signal."""

SERVER_OPTIONS = TemporalOptions(
    search_attributes=names.SEARCH_ATTRIBUTES,
    dynamic_config={
        "limit.historyCount.suggestContinueAsNew": 150,
        "frontend.WorkflowTimeSkippingEnabled": True,
    },
)


class Bench:
    """Starts workflows, tells them things, and waits until something holds."""

    def __init__(self, client: Client, world: World) -> None:
        self.client, self.world = client, world
        self.engagement_id = world.engagement_id
        self.engagement = names.engagement(self.engagement_id)
        self.queue = f"main-{world.number}"
        self._skipper = TimeSkipper(client)

    def handle(self, id: str) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(id)

    async def start(
        self, workflow: Any, params: Any, id: str, **more: Any
    ) -> WorkflowHandle[Any, Any]:
        handle: WorkflowHandle[Any, Any] = await self.client.start_workflow(
            workflow, params, id=id, task_queue=self.queue, **more
        )
        return handle

    async def listen(self) -> WorkflowHandle[Any, Any]:
        """A stand-in for the engagement, where only what it is told matters."""
        return await self.start(Ear.run, 1, self.engagement)

    async def tell(self, id: str, signal: str, order: object = ORDER) -> None:
        await self.handle(id).signal(signal, order)

    async def nudge(self, id: str) -> None:
        await self.handle(id).signal(names.NEWS)

    async def skip(self, id: str, duration: timedelta) -> None:
        """Let time pass for one workflow, exactly; its timers that are due fire."""
        assert await self._skipper.fast_forward(self.handle(id), duration), f"{id} has ended"

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not holds():  # noqa: ASYNC110 - the world is plain data, it sets no events
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            raise AssertionError(f"waited {PATIENCE_S:g} s for: {what}") from None

    async def until_called(self, step: str, times: int = 1) -> None:
        await self.until(lambda: self.world.count(step) >= times, f"{times} x {step}")

    async def until_page_says(self, id: str, text: str) -> str:
        """Wait for the workflow's status page to contain a text."""
        page, pause_s = "", ASK_FIRST_AFTER_S
        try:
            async with asyncio.timeout(PATIENCE_S):
                while text not in page:
                    await asyncio.sleep(pause_s)
                    page = await _page(self.handle(id))
                    pause_s = min(1.5 * pause_s, ASK_AT_MOST_EVERY_S)
        except TimeoutError:
            raise AssertionError(f"{id} never said {text!r}; it says:\n{page}") from None
        return page

    async def status(self, id: str) -> WorkflowExecutionStatus | None:
        return (await self.handle(id).describe()).status


async def _page(handle: WorkflowHandle[Any, Any]) -> str:
    """The status page of a workflow at rest. One at work is not asked: an uncached SDK loses a task
    that arrives while it answers ("leftover buffered tasks when evicting run"), for 10 seconds."""
    try:
        now = (await handle.describe()).raw_description
        if now.HasField("pending_workflow_task") or now.pending_activities:
            return "at work"
        return str(await handle.query("status"))
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return "not started yet"
        raise


@asynccontextmanager
async def open_bench(
    client: Client, number: int, cache_size: int, *, without: Collection[str] = ()
) -> AsyncIterator[Bench]:
    """A bench of its own: queues, systems and world are nobody else's. The systems `without` a
    worker are served by the test itself."""
    world = World(number)
    bench = Bench(client, world)
    systems = world.systems
    pulled = {systems.crm, systems.psa, systems.erp, world.expenses_system} - set(without)
    async with AsyncExitStack() as stack:
        for queue in (bench.queue, *(names.system_queue(system) for system in sorted(pulled))):
            await stack.enter_async_context(
                make_worker(client, world, queue, bench.queue, cache_size)
            )
        yield bench


def make_worker(client: Client, world: World, queue: str, main: str, cache_size: int) -> Worker:
    """One worker of a world, on one of its queues."""
    interceptor = FailureInterceptor(world, lambda: datetime.now(UTC))
    return Worker(
        client,
        task_queue=queue,
        workflows=[*WORKFLOWS, Ear] if queue == main else [],
        activities=world.activities(),
        workflow_runner=workflow_runner(),
        interceptors=[interceptor, SignalTolerance()],
        max_cached_workflows=cache_size if queue == main else 1000,
        graceful_shutdown_timeout=timedelta(seconds=1),
    )


def server_options(continue_as_new_after: int) -> TemporalOptions:
    """The bench's server, with another number of events after which a new run is suggested."""
    config = {"limit.historyCount.suggestContinueAsNew": continue_as_new_after}
    return replace(SERVER_OPTIONS, dynamic_config={**SERVER_OPTIONS.dynamic_config, **config})
