"""Waking up when another process has written something: LISTEN, with a poll as the fallback."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Final

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.errors import SystemUnavailable

POLL_INTERVAL_S: Final = 5.0
CHANNEL: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")


async def wake_ups(
    engine: AsyncEngine, channel: str, *, poll_interval_s: float = POLL_INTERVAL_S
) -> AsyncGenerator[None, None]:
    """Yields at once, after each notification (many may become one), and after each interval.

    The connection is its own, outside the pool's count. While it is lost, the poll goes on and the
    connection is tried again at each turn. Close the iterator (`aclosing`) to let go of it.
    """
    if not CHANNEL.fullmatch(channel):
        raise ValueError(f"{channel!r} is not a channel: use a-z, 0-9 and _")
    woken = asyncio.Event()
    connection: asyncpg.Connection | None = None
    try:
        while True:
            woken.clear()
            if connection is None or connection.is_closed():
                connection = await _listening(engine, channel, woken)
            yield
            await _sleep(woken, poll_interval_s)
    finally:
        if connection is not None and not connection.is_closed():
            await connection.close()


async def _sleep(woken: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await woken.wait()
    except TimeoutError:
        return


async def _listening(
    engine: AsyncEngine, channel: str, woken: asyncio.Event
) -> asyncpg.Connection | None:
    """A connection that sets `woken` on notifications and on its own end; None while it fails."""
    try:
        borrowed = await engine.raw_connection()
    except (OSError, DBAPIError, asyncpg.PostgresError, SystemUnavailable):
        return None
    connection: asyncpg.Connection = borrowed.driver_connection
    borrowed.detach()
    try:
        await connection.add_listener(channel, lambda *_: woken.set())
    except BaseException:
        connection.terminate()  # a listener that is stopped while it begins leaves nothing open
        raise
    connection.add_termination_listener(lambda *_: woken.set())
    return connection
