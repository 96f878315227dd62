"""The relay's loop: it works while there is work, survives failures, and stops when asked."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from gateway.loops import Backoff, Loop
from store.inbox import Inbox

AT_ONCE = Backoff(first_s=0, most_s=0)


class Turns:
    """Wake-ups on demand; knows when the loop has let go of it."""

    def __init__(self) -> None:
        self.wanted: asyncio.Queue[None] = asyncio.Queue()
        self.closed = False

    async def __call__(self) -> AsyncGenerator[None, None]:
        try:
            while True:
                await self.wanted.get()
                yield
        finally:
            self.closed = True

    def wake(self) -> None:
        self.wanted.put_nowait(None)


class Work:
    """Steps that do as told; each result is an amount or an error."""

    def __init__(self, *results: int | Exception) -> None:
        self.results = list(results)
        self.steps = 0
        self.finished = asyncio.Event()

    async def __call__(self) -> int:
        self.steps += 1
        result = self.results.pop(0) if self.results else 0
        if not self.results:
            self.finished.set()
        if isinstance(result, Exception):
            raise result
        return result


def make_loop(work: Work, turns: Turns, per_second_max: float = 1e9) -> Loop:
    return Loop("test", work, turns, per_second_max=per_second_max, backoff=AT_ONCE)


async def run_until_finished(work: Work, turns: Turns) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(make_loop(work, turns).run(stop))
    turns.wake()
    await work.finished.wait()
    stop.set()
    async with asyncio.timeout(5):
        await running


async def test_one_wake_up_is_enough_for_all_the_work_there_is() -> None:
    work, turns = Work(10, 10, 3, 0), Turns()
    await run_until_finished(work, turns)
    assert work.steps == 4


async def test_a_failure_is_logged_and_the_loop_goes_on() -> None:
    work, turns = Work(ConnectionError("away"), KeyError("bug"), 5, 0), Turns()
    with capture_logs() as logs:
        await run_until_finished(work, turns)
    assert work.steps == 4
    assert [entry["failures"] for entry in logs if entry["event"] == "test.failed"] == [1, 2]


async def test_asked_to_stop_while_it_sleeps_it_lets_go_of_its_wake_ups() -> None:
    work, turns = Work(0), Turns()
    await run_until_finished(work, turns)
    assert turns.closed


async def test_asked_to_stop_it_finishes_the_step_under_way_and_begins_no_other() -> None:
    entered, leave, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()
    finished: list[str] = []

    async def step() -> int:
        entered.set()
        await leave.wait()
        finished.append("step")
        return 1

    turns = Turns()
    turns.wake()
    loop = Loop("test", step, turns, per_second_max=1e9)
    running = asyncio.create_task(loop.run(stop))
    await entered.wait()
    stop.set()
    leave.set()
    await running
    assert finished == ["step"]
    assert turns.closed


async def test_asked_to_stop_at_any_moment_of_its_start_it_leaves_no_connection_open(
    engine: AsyncEngine,
) -> None:
    """A connection that is forgotten warns when it is collected, and a warning is an error."""
    for tenths_of_ms in range(0, 200, 5):
        loop = Loop("test", Work(), Inbox(engine).listen, per_second_max=1e9)
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(tenths_of_ms / 10_000, stop.set)
        await loop.run(stop)
        await engine.dispose()
    gc.collect()


async def test_it_keeps_to_its_rate() -> None:
    work, turns, stop = Work(5, 5, 0), Turns(), asyncio.Event()
    started = asyncio.get_running_loop().time()
    running = asyncio.create_task(make_loop(work, turns, per_second_max=100).run(stop))
    turns.wake()
    await work.finished.wait()
    assert asyncio.get_running_loop().time() - started >= 0.09
    stop.set()
    await running


@pytest.mark.parametrize(("attempts", "longest"), [(1, 1), (2, 2), (4, 8), (7, 30), (5_000, 30)])
def test_waits_double_up_to_a_limit(attempts: int, longest: float) -> None:
    backoff = Backoff(first_s=1, most_s=30)
    waits = [backoff.after(attempts) for _ in range(200)]
    assert longest / 2 <= min(waits) <= max(waits) <= longest
