"""Workers that are told to stop finish what they have, all in the same grace time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from tests.workers.both import Both
from workers.sandbox import workflow_runner
from workers.wiring import running

QUEUES = ("stop-one", "stop-two")


class Crew:
    """Each activity ends when both workers were told to stop: in turn, they never are."""

    def __init__(self) -> None:
        self.started = asyncio.Semaphore(0)
        self._told = {queue: asyncio.Event() for queue in QUEUES}
        self.finished: list[str] = []

    def of(self, queue: str) -> Callable[..., Any]:
        @activity.defn(name="finish")
        async def finish() -> str:
            self.started.release()
            await activity.wait_for_worker_shutdown()
            self._told[queue].set()
            for each in self._told.values():
                await each.wait()
            self.finished.append(queue)
            return queue

        return finish


def worker(temporal: Client, queue: str, crew: Crew) -> Worker:
    return Worker(
        temporal,
        task_queue=queue,
        activities=[crew.of(queue)],
        graceful_shutdown_timeout=timedelta(seconds=20),
    )


async def test_all_workers_stop_within_one_grace_time(temporal: Client) -> None:
    crew = Crew()
    director = Worker(
        temporal, task_queue="stop-main", workflows=[Both], workflow_runner=workflow_runner()
    )
    async with director, asyncio.timeout(15):
        async with running([worker(temporal, queue, crew) for queue in QUEUES]):
            both = await temporal.start_workflow(
                Both.run, list(QUEUES), id="stop", task_queue="stop-main"
            )
            for _ in QUEUES:
                await crew.started.acquire()
        assert sorted(crew.finished) == sorted(QUEUES)
        assert await both.result() == list(QUEUES)
