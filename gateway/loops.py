"""A loop that works while there is work, sleeps until it is woken, and ends when it is asked to."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Final

import structlog

log = structlog.get_logger(__name__)

EXPONENT_MAX: Final = 16


@dataclass(frozen=True)
class Backoff:
    """Waits that double, in seconds, with jitter, so that many processes do not come as one."""

    first_s: float = 0.5
    most_s: float = 30.0

    def after(self, attempts: int) -> float:
        """How long to wait after so many attempts that failed (from 1)."""
        longest = self.first_s * 2.0 ** min(attempts - 1, EXPONENT_MAX)
        return min(longest, self.most_s) * random.uniform(0.5, 1.0)


@dataclass(frozen=True)
class Loop:
    """One loop of a relay; any number of processes may run it."""

    name: str
    step: Callable[[], Awaitable[int]]
    """Does a limited amount of work and returns how much; 0: there was none."""
    wake_ups: Callable[[], AsyncGenerator[None, None]]
    per_second_max: float
    backoff: Backoff = Backoff()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; the step under way is finished first."""
        stopped: asyncio.Future[bool] = asyncio.ensure_future(_wait(stop))
        try:
            async with aclosing(self.wake_ups()) as turns:
                while await _next(turns, stopped):
                    await self._drain(stop)
        finally:
            stopped.cancel()

    async def _drain(self, stop: asyncio.Event) -> None:
        """Work until there is nothing left. A failure is never the end of the loop."""
        failures = 0
        while not stop.is_set():
            started = asyncio.get_running_loop().time()
            try:
                amount = await self.step()
            except Exception as error:
                failures += 1
                wait_s = self.backoff.after(failures)
                log.error(f"{self.name}.failed", failures=failures, wait_s=wait_s, exc_info=error)
                await _sleep(stop, wait_s)
                continue
            failures = 0
            if amount == 0:
                return
            spent = asyncio.get_running_loop().time() - started
            await _sleep(stop, amount / self.per_second_max - spent)


async def _next(turns: AsyncIterator[None], stopped: asyncio.Future[bool]) -> bool:
    """Waits for the next turn; False when we are to stop instead."""
    turn = asyncio.ensure_future(_advance(turns))
    await asyncio.wait({turn, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if not stopped.done():
        return turn.result()
    turn.cancel()
    with suppress(asyncio.CancelledError):
        await turn
    return False


async def _wait(stop: asyncio.Event) -> bool:
    return await stop.wait()


async def _advance(turns: AsyncIterator[None]) -> bool:
    async for _ in turns:
        return True
    return False


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    """Sleeps, but not through the order to stop."""
    with suppress(TimeoutError):
        async with asyncio.timeout(max(seconds, 0)):
            await stop.wait()
