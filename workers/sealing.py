"""Seals the audit trail beside a worker's other work, without a workflow: it costs no action."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.loops import Loop
from runtime.settings import Settings
from store.audit.sealer import Sealer

ROWS_PER_SECOND_MAX = 5_000.0

log = structlog.get_logger(__name__)


def sealer_of(engine: AsyncEngine) -> Sealer:
    """A sealer under a name that no other process has."""
    holder = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
    return Sealer(engine, holder)


@asynccontextmanager
async def sealing(settings: Settings, engine: AsyncEngine) -> AsyncIterator[None]:
    """Seal what is written, until the block ends; a batch under way is finished first. Any number
    of processes may do it."""
    if not settings.audit_keys:
        log.warning("audit.unsigned", reason="C2C_AUDIT_KEYS is not set: a cut tail stays unseen")
    sealer, stop = sealer_of(engine), asyncio.Event()
    loop = Loop("audit.seal", sealer.step, sealer.wake_ups, ROWS_PER_SECOND_MAX)
    sealed = asyncio.create_task(loop.run(stop))
    try:
        yield
    finally:
        stop.set()
        await sealed
