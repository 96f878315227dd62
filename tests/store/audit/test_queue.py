"""Every row of the trail gets into the queue for its seal, whoever wrote it, and when."""

from __future__ import annotations

from sqlalchemy import text

from runtime.local.postgres import EmbeddedPostgres
from store import migrations
from store.engine import create_engine, transaction
from tests.store.audit.conftest import Trail

OLD_ROW = text(
    "INSERT INTO audit_event (process, action, actor, legal_entity, detail)"
    " VALUES ('invoice/1', 'noted', 'Ada', :entity, '{}')"
)


async def test_rows_from_before_the_chain_are_sealed_first(
    postgres_cluster: EmbeddedPostgres,
) -> None:
    await postgres_cluster.create_database("before_the_chain")
    url = postgres_cluster.sqlalchemy_url("before_the_chain")
    await migrations.upgrade(url, "0004")
    audit = Trail(create_engine(url))
    async with transaction(audit.engine) as connection:
        await connection.execute(OLD_ROW, [{"entity": "NORTH-DE"}, {"entity": ""}])
    await migrations.upgrade(url)
    await audit.note()
    assert await audit.sealer().step() == 3
    assert await audit.column("SELECT event_id FROM audit_seal ORDER BY chain, number") == [1, 3, 2]
    await audit.engine.dispose()
    await postgres_cluster.drop_database("before_the_chain")


async def test_a_process_of_the_version_before_may_go_on_writing(audit: Trail) -> None:
    async with transaction(audit.engine) as connection:
        await connection.execute(OLD_ROW, {"entity": "NORTH-DE"})
    assert await audit.sealer().step() == 1
    assert (await audit.verify()).is_whole
