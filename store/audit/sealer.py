"""The sealer: numbers and chains the rows that are committed, one process per chain at a time.

Business transactions never wait for it. What commits late is sealed later: the sealer takes what
waits (`audit_pending`), and asks for no id "greater than the last one".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime
from typing import ClassVar, Final, NamedTuple

import structlog
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.errors import DomainError, Role
from store.audit.chain import Checkpoint, Head, chained, checkpoint_statement
from store.audit.keys import KeyRing, Signature, ring_of
from store.audit.rows import row_of
from store.engine import transaction
from store.lanes import LeaseLanes
from store.tables import audit_checkpoint, audit_seal

BATCH: Final = 1_000
"""Rows sealed in one transaction."""
LEASE_S: Final = 60.0
SEAL_EVERY_S: Final = 30.0

log = structlog.get_logger(__name__)


class ChainBroken(DomainError):
    """A chain does not end where its last checkpoint says: nothing is added to it."""

    owner: ClassVar[Role] = Role.INTEGRATION_SUPPORT
    remedy: ClassVar[str] = (
        "Run `c2c audit verify`: it names what was changed. Find out who changed it before "
        "anything is mended."
    )


class SealedNow(NamedTuple):
    """What one turn did on one chain."""

    chain: str
    rows: int
    head: Head
    is_signed: bool
    is_busy: bool = False
    """Another process seals this chain now."""


class Sealer:
    """Seals over one engine, whose audit keys sign the checkpoints."""

    def __init__(self, engine: AsyncEngine, holder: str, *, batch: int = BATCH) -> None:
        self._engine, self._holder, self._batch = engine, holder, batch
        self._lanes = LeaseLanes(engine)

    async def step(self) -> int:
        """One turn: a batch of each chain that has something; how many rows were sealed. A broken
        chain is told and does not stop the others."""
        sealed = 0
        for chain in await self.chains():
            try:
                sealed += (await self.seal(chain)).rows
            except ChainBroken as error:
                log.error("audit.chain_broken", chain=chain, reason=str(error))
        return sealed

    async def wake_ups(self) -> AsyncGenerator[None, None]:
        while True:
            yield
            await asyncio.sleep(SEAL_EVERY_S)

    async def chains(self) -> Sequence[str]:
        """Those where rows wait."""
        async with transaction(self._engine) as connection:
            found = await connection.scalars(
                text("SELECT DISTINCT chain FROM audit_pending ORDER BY chain")
            )
            return list(found)

    async def seal(self, chain: str) -> SealedNow:
        """Seal a batch and sign where the chain then ends. Raises ChainBroken.

        The lease spares two sealers the same work. It is the primary key of the seals that keeps
        the chain one: of two that would give the same number, one is refused.
        """
        lane = f"audit/{chain}"
        fence = await self._lanes.acquire(lane, self._holder, slots=1, ttl_s=LEASE_S)
        if fence is None:
            return SealedNow(chain, 0, Head(), is_signed=False, is_busy=True)
        try:
            async with transaction(self._engine) as connection:
                return await _seal(connection, chain, self._batch)
        finally:
            await self._lanes.release(lane, self._holder)

    async def seal_all(self, on_turn: Callable[[SealedNow], None]) -> None:
        """Until nothing waits, whatever was left out of `audit_pending` too. Raises ChainBroken."""
        async with transaction(self._engine) as connection:
            await connection.execute(_SWEEP)
            chains = list(await connection.scalars(_CHAINS))
        for chain in chains:
            turn = await self.seal(chain)
            on_turn(turn)
            while turn.rows == self._batch:
                turn = await self.seal(chain)
                on_turn(turn)


# Nothing is left out while the triggers are on; after a restore or a repair by hand it may be.
_SWEEP: Final = text(
    """
    INSERT INTO audit_pending (chain, event_id)
    SELECT coalesce(nullif(e.legal_entity, ''), 'platform'), e.id FROM audit_event e
    WHERE NOT EXISTS (SELECT FROM audit_seal s WHERE s.event_id = e.id)
    ON CONFLICT DO NOTHING
    """
)
_CHAINS: Final = text(
    "SELECT chain FROM audit_pending UNION SELECT chain FROM audit_seal ORDER BY chain"
)

# A second sealer waits here for the first one's rows, and then takes others or none.
_TAKE: Final = text(
    """
    WITH taken AS (
        DELETE FROM audit_pending
        WHERE (chain, event_id) IN (
            SELECT chain, event_id FROM audit_pending
            WHERE chain = :chain ORDER BY event_id LIMIT :batch)
        RETURNING event_id
    )
    SELECT e.id, e.at, e.process, e.action, e.actor, e.legal_entity, e.detail, e.personal
    FROM audit_event e JOIN taken t ON t.event_id = e.id ORDER BY e.id
    """
)


async def _seal(connection: AsyncConnection, chain: str, batch: int) -> SealedNow:
    taken = await connection.execute(_TAKE, {"chain": chain, "batch": batch})
    rows = [row_of(each) for each in taken.mappings()]
    head = await head_of(connection, chain)
    last = await last_checkpoint(connection, chain)
    ring = ring_of(connection)
    if last is not None:
        await _require_whole(connection, last, ring)
    now: datetime = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
    seals = list(chained(chain, head, rows, now))
    if seals:
        await connection.execute(insert(audit_seal), [seal._asdict() for seal in seals])
        head = Head(seals[-1].number, seals[-1].hash)
    signed = await _sign(connection, ring, chain, head, last, now)
    return SealedNow(chain, len(seals), head, is_signed=signed)


async def head_of(connection: AsyncConnection, chain: str) -> Head:
    """Where a chain ends."""
    columns = audit_seal.c
    query = select(columns.number, columns.hash).where(columns.chain == chain)
    found = await connection.execute(query.order_by(columns.number.desc()).limit(1))
    row = found.one_or_none()
    return Head() if row is None else Head(row.number, row.hash)


async def last_checkpoint(connection: AsyncConnection, chain: str) -> Checkpoint | None:
    query = select(audit_checkpoint).where(audit_checkpoint.c.chain == chain)
    found = await connection.execute(query.order_by(audit_checkpoint.c.number.desc()).limit(1))
    row = found.mappings().one_or_none()
    return None if row is None else Checkpoint(**row)


async def _require_whole(
    connection: AsyncConnection, last: Checkpoint, ring: KeyRing | None
) -> None:
    """Raises ChainBroken when the last checkpoint does not fit the chain, or is not ours."""
    columns = audit_seal.c
    there = (columns.chain == last.chain) & (columns.number == last.number)
    found = await connection.scalar(select(columns.hash).where(there))
    place = f"row {last.number} of chain {last.chain}"
    signed_at = f"{last.at:%Y-%m-%d %H:%M} UTC"
    if found is None:
        raise ChainBroken(f"{place} is gone, which was signed on {signed_at}: the tail was cut")
    if found != last.hash:
        raise ChainBroken(f"{place} has another hash than was signed on {signed_at}")
    if ring is not None and ring.public().knows(last.key_id):
        signature = Signature(last.key_id, last.signature)
        if not ring.public().proves(signature, checkpoint_statement(last)):
            raise ChainBroken(f"the signature at {place} is not by key {last.key_id!r}")


async def _sign(
    connection: AsyncConnection,
    ring: KeyRing | None,
    chain: str,
    head: Head,
    last: Checkpoint | None,
    now: datetime,
) -> bool:
    """Sign where the chain ends, unless that is signed already or there is no key."""
    if ring is None or head.number == 0:
        return False
    if last is not None and last.number == head.number:
        return True
    bare = Checkpoint(
        chain,
        *head,
        previous=last.number if last else 0,
        at=now,
        key_id=ring.current,
        signature=b"",
    )
    signed = bare._replace(signature=ring.sign(checkpoint_statement(bare)).value)
    await connection.execute(insert(audit_checkpoint).values(signed._asdict()))
    # logs leave this machine: who cuts the chain and its checkpoints has to find this line too
    log.info("audit.checkpoint", chain=chain, number=head.number, hash=head.hash.hex())
    return True
