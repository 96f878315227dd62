"""Watches over what waits for a link: after some hours it becomes a case."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import datetime, timedelta
from typing import Final

from store.events import EventStore

PATIENCE: Final = timedelta(hours=4)
"""A project set up this long after its first event is slow; one set up never is a mistake."""
LOOK_EVERY_S: Final = 300.0


class UnlinkedWatch:
    """One step looks once; any number of gateways may look."""

    def __init__(self, events: EventStore, clock: Callable[[], datetime]) -> None:
        self._events, self._clock = events, clock

    async def step(self) -> int:
        """Open the cases that are due; returns how many."""
        return await self._events.raise_unlinked(self._clock() - PATIENCE)

    async def wake_ups(self) -> AsyncGenerator[None, None]:
        while True:
            yield
            await asyncio.sleep(LOOK_EVERY_S)
