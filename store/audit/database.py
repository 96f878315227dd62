"""Reading a chain from the database: in one snapshot, in pages, so that memory stays flat."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store.audit.chain import Checkpoint, Entry, Seal, Sealed, Unsealed
from store.audit.findings import Verdict
from store.audit.keys import PublicKeys
from store.audit.rows import row_of
from store.audit.verifier import Verifier
from store.engine import transaction

PAGE: Final = 2_000
BEFORE_ALL: Final = -(2**63)

_CHAINS: Final = text(
    "SELECT chain FROM audit_seal UNION SELECT chain FROM audit_checkpoint"
    " UNION SELECT coalesce(nullif(legal_entity, ''), 'platform') FROM audit_event ORDER BY 1"
)

# By row too: where somebody took the primary key away, numbers may be there twice.
_SEALED: Final = text(
    """
    SELECT s.chain, s.number, s.event_id, s.hash, s.sealed_at,
           e.id, e.at, e.process, e.action, e.actor, e.legal_entity, e.detail, e.personal
    FROM audit_seal s LEFT JOIN audit_event e ON e.id = s.event_id
    WHERE s.chain = :chain AND (s.number, s.event_id) > (:number, :event)
    ORDER BY s.number, s.event_id LIMIT :page
    """
)
_CHECKPOINTS: Final = text(
    """
    SELECT chain, number, hash, previous, at, key_id, signature FROM audit_checkpoint
    WHERE chain = :chain AND number > :number ORDER BY number LIMIT :page
    """
)
_UNSEALED: Final = text(
    """
    SELECT e.id, e.at, e.process, e.action, e.actor, e.legal_entity, e.detail, e.personal
    FROM audit_event e
    WHERE coalesce(nullif(e.legal_entity, ''), 'platform') = :chain AND e.id > :id
      AND NOT EXISTS (SELECT FROM audit_seal s WHERE s.event_id = e.id)
    ORDER BY e.id LIMIT :page
    """
)


@asynccontextmanager
async def snapshot(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction that sees the database as it is now, and changes nothing."""
    async with transaction(engine) as connection:
        await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        yield connection


async def chains_of(connection: AsyncConnection) -> Sequence[str]:
    """Every chain that a row, a seal or a checkpoint names."""
    return list(await connection.scalars(_CHAINS))


async def entries_of(connection: AsyncConnection, chain: str) -> AsyncIterator[Entry]:
    """A chain as the verifier takes it: each checkpoint after its row, unsealed rows last."""
    checkpoints = _checkpoints(connection, chain)
    next_one = await anext(checkpoints, None)
    async for sealed in _sealed(connection, chain):
        while next_one is not None and next_one.number < sealed.seal.number:
            yield next_one
            next_one = await anext(checkpoints, None)
        yield sealed
    while next_one is not None:
        yield next_one
        next_one = await anext(checkpoints, None)
    async for row in _unsealed(connection, chain):
        yield row


async def verify_chain(
    connection: AsyncConnection,
    chain: str,
    keys: PublicKeys,
    now: datetime,
    witness: Checkpoint | None = None,
) -> Verdict:
    """`connection` is a `snapshot`'s."""
    verifier = Verifier(chain, keys, now, witness=witness)
    async for entry in entries_of(connection, chain):
        verifier.take(entry)
    return verifier.end()


async def _sealed(connection: AsyncConnection, chain: str) -> AsyncIterator[Sealed]:
    number, event = BEFORE_ALL, BEFORE_ALL
    while True:
        values = {"chain": chain, "number": number, "event": event, "page": PAGE}
        rows = (await connection.execute(_SEALED, values)).mappings().all()
        for row in rows:
            yield _as_sealed(row)
        if len(rows) < PAGE:
            return
        number, event = rows[-1]["number"], rows[-1]["event_id"]


def _as_sealed(row: RowMapping) -> Sealed:
    seal = Seal(row["chain"], row["number"], row["event_id"], row["hash"], row["sealed_at"])
    return Sealed(seal, None if row["id"] is None else row_of(row))


async def _checkpoints(connection: AsyncConnection, chain: str) -> AsyncIterator[Checkpoint]:
    number = BEFORE_ALL
    while True:
        values = {"chain": chain, "number": number, "page": PAGE}
        rows = (await connection.execute(_CHECKPOINTS, values)).mappings().all()
        for row in rows:
            yield Checkpoint(**row)
        if len(rows) < PAGE:
            return
        number = rows[-1]["number"]


async def _unsealed(connection: AsyncConnection, chain: str) -> AsyncIterator[Unsealed]:
    last = BEFORE_ALL
    while True:
        values = {"chain": chain, "id": last, "page": PAGE}
        rows = (await connection.execute(_UNSEALED, values)).mappings().all()
        for row in rows:
            yield Unsealed(row_of(row))
        if len(rows) < PAGE:
            return
        last = rows[-1]["id"]
