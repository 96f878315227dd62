"""Heartbeats as a context manager: a killed worker is noticed in seconds, quick calls cost no
beat, and a long step's next attempt goes on where this one was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar

from temporalio import activity

_PROGRESS: ContextVar[list[object]] = ContextVar("progress of the activity")


@asynccontextmanager
async def beating() -> AsyncIterator[None]:
    """Beat in the background at half of the heartbeat timeout; the first beat comes after that
    time,
    because each beat that reaches the server is a billed action."""
    timeout = activity.info().heartbeat_timeout
    if timeout is None:
        yield
        return
    # What an earlier attempt reached is told again: a beat without it would make it forgotten.
    progress = list[object](activity.info().heartbeat_details)
    token = _PROGRESS.set(progress)
    beats = asyncio.create_task(_beat(timeout.total_seconds() / 2, progress))
    ended_well = False
    try:
        yield
        ended_well = True
    finally:
        if progress and not ended_well:
            activity.heartbeat(*progress)
        _PROGRESS.reset(token)
        beats.cancel()
        with suppress(asyncio.CancelledError):
            await beats


def keep_progress(reached: object) -> None:
    """How far a step has come: the next beats tell it, and its next attempt finds it in
    `activity.info().heartbeat_details`."""
    progress = _PROGRESS.get(None)
    if progress is not None:
        progress[:] = [reached]


async def _beat(every_s: float, progress: list[object]) -> None:
    while True:
        await asyncio.sleep(every_s)
        activity.heartbeat(*progress)
