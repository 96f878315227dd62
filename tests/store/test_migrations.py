"""The migrated schema is the one that the code declares, and migrating is safe to repeat."""

from __future__ import annotations

import asyncio

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.local.postgres import EmbeddedPostgres
from store import migrations
from store.tables import metadata


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_server_default": True})
    return list(compare_metadata(context, metadata))


async def test_the_migrated_schema_equals_the_declared_tables(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        assert await connection.run_sync(_differences) == []


async def test_every_declared_check_is_in_the_database(engine: AsyncEngine) -> None:
    declared = {
        str(constraint.name)
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    async with engine.connect() as connection:
        found = await connection.scalars(
            text(
                "SELECT conname FROM pg_constraint "
                "WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
            )
        )
        assert set(found) == declared


async def test_upgrading_twice_changes_nothing(database_url: str, engine: AsyncEngine) -> None:
    await migrations.upgrade(database_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(migrations.current) == migrations.head()


async def test_two_processes_may_upgrade_an_empty_database_at_once(
    postgres_cluster: EmbeddedPostgres,
) -> None:
    await postgres_cluster.create_database("upgraded_twice")
    url = postgres_cluster.sqlalchemy_url("upgraded_twice")
    await asyncio.gather(migrations.upgrade(url), migrations.upgrade(url))
    await postgres_cluster.drop_database("upgraded_twice")
