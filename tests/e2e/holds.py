"""Moments made certain: something is stopped in the middle, and we know that it is.

Each context manager yields a function that waits until the moment is reached; leaving it lets go of
what was stopped.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg

from adapters.kantata.simulated.faults import FaultKind as PsaFaultKind
from adapters.tryton.simulator import Fault, FaultKind
from tests.e2e.firm import Firm
from workers.demo.story import Story

Reached = Callable[[], Awaitable[None]]

_WAITS_FOR_TABLE = """
SELECT count(*) FROM pg_locks
WHERE NOT granted AND relation = to_regclass($1) AND database =
  (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@asynccontextmanager
async def table_held(firm: Firm, story: Story, table: str) -> AsyncIterator[Reached]:
    """Nobody can write a table of ours; reached when somebody wants to."""
    connection = await _own_connection(firm)
    try:
        await connection.execute(f"BEGIN; LOCK TABLE {table} IN SHARE MODE")

        async def somebody_waits() -> bool | None:
            return await connection.fetchval(_WAITS_FOR_TABLE, table) > 0 or None

        async def reached() -> None:
            await story.until(somebody_waits, f"somebody to write {table}")

        yield reached
    finally:
        await connection.close()


@asynccontextmanager
async def erp_silent_after(firm: Firm, story: Story, method: str) -> AsyncIterator[Reached]:
    """The ERP carries a call out and never answers; reached when its work is committed."""
    proxy = firm.stack.erp.proxy
    before = proxy.answered[method]
    proxy.inject(Fault(kind=FaultKind.HANG, method=method))

    async def carried_out() -> bool | None:
        return proxy.answered[method] > before or None

    async def reached() -> None:
        await story.until(carried_out, f"the ERP to carry out {method}")

    yield reached


@asynccontextmanager
async def psa_slow_at(
    firm: Firm, story: Story, resource: str, seconds: float
) -> AsyncIterator[Reached]:
    """A write to the PSA lands some seconds later, whether its sender still lives or not."""
    faults = firm.stack.kantata.faults
    faults.plan(PsaFaultKind.LATENCY, "WRITE", resource, seconds=seconds)
    planned = faults.planned[-1]

    async def taken() -> bool | None:
        return planned.times == 0 or None

    async def reached() -> None:
        await story.until(taken, f"a write of {resource}")

    yield reached


@asynccontextmanager
async def mail_server_silent(firm: Firm, story: Story) -> AsyncIterator[Reached]:
    """The mail server keeps the message and does not say so."""
    async with firm.stack.mail.silent() as arrived:

        async def kept() -> bool | None:
            return arrived.is_set() or None

        async def reached() -> None:
            await story.until(kept, "the mail to arrive")

        yield reached


async def _own_connection(firm: Firm) -> asyncpg.Connection:
    url = firm.engine.url
    return await asyncpg.connect(firm.stack.postgres.dsn(str(url.database)))
