"""A database belongs to one environment: the first that starts on it, and no other."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.local.postgres import EmbeddedPostgres
from store.engine import create_engine
from store.environment import DatabaseForeign, claim, owner_of
from store.health import SchemaOutdated


async def test_the_first_environment_that_starts_owns_the_database(engine: AsyncEngine) -> None:
    assert await owner_of(engine) == ""
    await claim(engine, "staging")
    await claim(engine, "staging")
    assert await owner_of(engine) == "staging"


async def test_another_environment_is_refused_with_the_remedy(engine: AsyncEngine) -> None:
    await claim(engine, "production")
    with pytest.raises(DatabaseForeign, match="belongs to the environment 'production'") as refused:
        await claim(engine, "staging")
    assert "C2C_DATABASE_URL" in refused.value.remedy
    assert await owner_of(engine) == "production"


async def test_of_two_environments_that_start_at_once_one_is_refused(engine: AsyncEngine) -> None:
    results = await asyncio.gather(
        *(claim(engine, name) for name in ("blue", "green")), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in results) == ["DatabaseForeign", "NoneType"]


@pytest.mark.parametrize("only", ["true", "false"], ids=["beside", "another key"])
async def test_there_is_no_room_for_a_second_owner(engine: AsyncEngine, only: str) -> None:
    await claim(engine, "production")
    with pytest.raises(IntegrityError):
        async with engine.begin() as connection:
            await connection.execute(
                text(f"INSERT INTO database_environment VALUES ({only}, 'staging')")
            )


async def test_an_empty_database_is_said_to_need_an_upgrade(
    postgres_cluster: EmbeddedPostgres,
) -> None:
    await postgres_cluster.create_database("nobodys")
    engine = create_engine(postgres_cluster.sqlalchemy_url("nobodys"))
    with pytest.raises(SchemaOutdated) as outdated:
        await claim(engine, "staging")
    assert "c2c db upgrade" in outdated.value.remedy
    await engine.dispose()
    await postgres_cluster.drop_database("nobodys")
