"""How hard one process may use one system: a rate, and calls at once."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class Budget:
    """An async context manager around one call: waits for a token and for a free slot.

    Tokens refill evenly, up to one second's worth, so that a burst is never above the rate by more.
    """

    def __init__(self, per_second: float, calls_at_once: int) -> None:
        self._interval_s = 1 / per_second
        self._burst_s = max(1.0, self._interval_s)
        self._next_free = 0.0
        self._slots = asyncio.Semaphore(calls_at_once)

    async def __aenter__(self) -> Self:
        await self._slots.acquire()
        try:
            await self._token()
        except BaseException:
            self._slots.release()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._slots.release()

    async def _token(self) -> None:
        now = asyncio.get_running_loop().time()
        self._next_free = max(self._next_free, now - self._burst_s) + self._interval_s
        wait_s = self._next_free - now
        if wait_s > 0:
            await asyncio.sleep(wait_s)
