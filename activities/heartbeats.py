"""Heartbeats as a context manager: a killed worker is noticed in seconds, quick calls cost no
beat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from temporalio import activity


@asynccontextmanager
async def beating() -> AsyncIterator[None]:
    """Beat in the background at half of the heartbeat timeout; the first beat comes after that
    time,
    because each beat that reaches the server is a billed action."""
    timeout = activity.info().heartbeat_timeout
    if timeout is None:
        yield
        return
    beats = asyncio.create_task(_beat(timeout.total_seconds() / 2))
    try:
        yield
    finally:
        beats.cancel()
        with suppress(asyncio.CancelledError):
            await beats


async def _beat(every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        activity.heartbeat()
