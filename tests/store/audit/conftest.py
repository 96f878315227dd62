"""A store whose trail is written with audit keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store import trail
from store.audit.chain import AuditRow
from store.audit.database import snapshot, verify_chain
from store.audit.findings import Verdict
from store.audit.keys import KeyRing
from store.audit.personal import revealed
from store.audit.rows import row_of
from store.audit.sealer import Sealer
from store.engine import create_engine, transaction
from tests.store.audit.chains import CHAIN, NOW, audit_key

COLUMNS = "id, at, process, action, actor, legal_entity, detail, personal"


@dataclass(frozen=True)
class Trail:
    """What the tests do with the trail of a database."""

    engine: AsyncEngine

    def sealer(self, holder: str = "sealer", batch: int = 1_000) -> Sealer:
        return Sealer(self.engine, holder, batch=batch)

    async def note(
        self,
        count: int = 1,
        legal_entity: str = CHAIN,
        actor: str = "client-to-cash",
        **detail: str,
    ) -> None:
        """Rows that are committed."""
        async with transaction(self.engine) as connection:
            for number in range(count):
                await note_in(connection, legal_entity, actor, number=str(number), **detail)

    async def verify(self, chain: str = CHAIN, *, keys: KeyRing | None = None) -> Verdict:
        ring = keys or KeyRing([audit_key()])
        async with snapshot(self.engine) as connection:
            return await verify_chain(connection, chain, ring.public(), NOW)

    async def column(self, query: str) -> list[object]:
        async with transaction(self.engine) as connection:
            return list(await connection.scalars(text(query)))

    async def rows(self) -> list[AuditRow]:
        """The trail as it is stored."""
        async with transaction(self.engine) as connection:
            return await _rows(connection)

    async def shown(self) -> Sequence[AuditRow]:
        """The trail as people read it."""
        async with transaction(self.engine) as connection:
            return await revealed(connection, await _rows(connection))

    async def by_force(self, *statements: str) -> None:
        """Past every guard of the database, as its owner can."""
        async with transaction(self.engine) as connection:
            await connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            for statement in statements:
                await connection.exec_driver_sql(statement)


async def note_in(
    connection: AsyncConnection,
    legal_entity: str = CHAIN,
    actor: str = "client-to-cash",
    **detail: str,
) -> None:
    await trail.note(
        connection, "invoice/1", "noted", actor=actor, legal_entity=legal_entity, **detail
    )


async def _rows(connection: AsyncConnection) -> list[AuditRow]:
    found = await connection.execute(text(f"SELECT {COLUMNS} FROM audit_event ORDER BY id"))
    return [row_of(row) for row in found.mappings()]


@pytest_asyncio.fixture
async def keyed(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database_url, pool_size=5, audit_keys=[audit_key()])
    yield engine
    await engine.dispose()


@pytest.fixture
def audit(keyed: AsyncEngine) -> Trail:
    return Trail(keyed)
