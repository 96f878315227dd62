"""What operations order by hand: refused with a reason when it cannot be meant."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.local.postgres import EmbeddedPostgres
from store.environment import claim
from store.inbox import Inbox
from tests.workers.conftest import Shell


async def run(c2c: Shell, *arguments: str) -> tuple[int, str]:
    """Beside the test's own loop, as in a process of its own."""
    told = await asyncio.to_thread(c2c, *arguments)
    assert "Traceback" not in told.err
    return told.code, told.out + told.err


async def rows(engine: AsyncEngine, statement: str) -> list[tuple[object, ...]]:
    async with engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(statement))]


# -- the database ----------------------------------------------------------------------------------


async def test_the_database_is_upgraded_and_upgrading_again_is_harmless(
    c2c: Shell, postgres_cluster: EmbeddedPostgres
) -> None:
    await postgres_cluster.create_database("by_command")
    c2c.set(database_url=postgres_cluster.sqlalchemy_url("by_command"))
    for _ in range(2):
        code, said = await run(c2c, "db", "upgrade")
        assert (code, "up to date" in said) == (0, True)
    await postgres_cluster.drop_database("by_command")


async def test_a_database_that_is_away_is_a_sentence(c2c: Shell) -> None:
    c2c.set(database_url="postgresql+asyncpg://nobody@/none?host=/nonexistent")
    code, said = await run(c2c, "db", "upgrade")
    assert code == 1
    assert "SystemUnavailable: store: the database does not answer" in said


async def test_a_database_of_another_environment_is_refused(
    at_home: Shell, engine: AsyncEngine
) -> None:
    await claim(engine, "production")
    code, said = await run(at_home, "cutoff", "NORTH-DE", "2026-11")
    assert code == 1
    assert "belongs to the environment 'production'" in said
    assert "C2C_DATABASE_URL" in said
    assert await rows(engine, "SELECT id FROM business_event") == []


async def test_a_database_that_was_never_upgraded_is_said(
    at_home: Shell, postgres_cluster: EmbeddedPostgres
) -> None:
    await postgres_cluster.create_database("bare")
    at_home.set(database_url=postgres_cluster.sqlalchemy_url("bare"))
    code, said = await run(at_home, "cutoff", "NORTH-DE", "2026-11")
    await postgres_cluster.drop_database("bare")
    assert (code, "c2c db upgrade" in said) == (1, True)


# -- cut-off ---------------------------------------------------------------------------------------


async def test_a_cutoff_is_recorded_with_its_instant_in_utc(
    at_home: Shell, engine: AsyncEngine
) -> None:
    code, said = await run(at_home, "cutoff", "NORTH-DE", "2026-11", "--at", "2026-12-02T12:00:00")
    assert (code, "0 engagements are told" in said) == (0, True)
    [(body,)] = await rows(engine, "SELECT body FROM business_event")
    assert isinstance(body, dict)
    assert (body["period"], body["cutoff"]) == ("2026-11", "2026-12-02T12:00:00Z")


async def test_a_cutoff_of_a_project_that_nobody_knows_waits(at_home: Shell) -> None:
    code, said = await run(
        at_home, "cutoff", "NORTH-DE", "2026-11", "--project", "kantata/workspace/5501"
    )
    assert (code, "the cut-off waits for it" in said) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["NOWHERE", "2026-11"], 1, "no legal entity 'NOWHERE' (it has NORTH-DE)"),
        (["NORTH-DE", "2026-13"], 2, "is not a billing period"),
        (["NORTH-DE", "November"], 2, "such as 2026-11"),
        (["NORTH-DE"], 2, "Missing argument"),
        (["NORTH-DE", "2026-11", "--project", "5501"], 2, "is not SYSTEM/KIND/ID"),
        (["NORTH-DE", "2026-11", "--project", "mavenlink/workspace/1"], 1, "no system 'mavenlink'"),
        (["NORTH-DE", "2026-11", "--at", "yesterday"], 2, "Invalid value for '--at'"),
    ],
    ids=["entity", "month", "words", "nothing", "project", "system", "instant"],
)
async def test_a_cutoff_that_cannot_be_meant_is_refused_and_stores_nothing(
    at_home: Shell, engine: AsyncEngine, arguments: list[str], code: int, words: str
) -> None:
    ended, said = await run(at_home, "cutoff", *arguments)
    assert ended == code
    assert words in said
    assert await rows(engine, "SELECT id FROM business_event") == []


# -- reconcile, and what needs Temporal ------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["NOWHERE", "2026-12-02"], 1, "no legal entity 'NOWHERE'"),
        (["NORTH-DE", "2026-12"], 2, "does not match the format"),
        (["NORTH-DE"], 2, "Missing argument"),
    ],
    ids=["entity", "day", "nothing"],
)
async def test_a_reconciliation_that_cannot_be_meant_is_refused(
    at_home: Shell, arguments: list[str], code: int, words: str
) -> None:
    ended, said = await run(at_home, "reconcile", *arguments)
    assert ended == code
    assert words in said


@pytest.mark.parametrize(
    "arguments", [["reconcile", "NORTH-DE", "2026-12-02"], ["schedules"], ["worker"]], ids=" ".join
)
async def test_a_temporal_server_that_is_away_is_a_sentence(
    at_home: Shell, arguments: list[str]
) -> None:
    code, said = await run(at_home, *arguments)
    assert code == 1
    assert "no server answers at 127.0.0.1:1" in said
    assert "C2C_TEMPORAL_ADDRESS" in said


# -- dead letters ----------------------------------------------------------------------------------


async def test_a_replay_without_a_filter_is_refused(at_home: Shell) -> None:
    code, said = await run(at_home, "inbox", "replay")
    assert code == 2
    assert "--id, --source, --since or --until" in said


@pytest.fixture
def _new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own zone is not UTC."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.delenv("TZ")
    time.tzset()


@pytest.fixture
async def dead(engine: AsyncEngine) -> AsyncEngine:
    """Three dead letters, received at 10, 11 and 12 o'clock UTC."""
    for hour in (10, 11, 12):
        moment = datetime(2026, 12, 2, hour, tzinfo=UTC)
        await Inbox(engine).store("expenses", [(f"n-{hour}", {})], moment)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE inbox SET state = 'dead'"))
    return engine


@pytest.mark.usefixtures("_new_york")
async def test_moments_are_utc_whatever_the_zone_of_the_machine(
    at_home: Shell, dead: AsyncEngine
) -> None:
    since, until = "2026-12-02T11:00:00", "2026-12-02T12:00:00"
    code, said = await run(at_home, "inbox", "replay", "--since", since, "--until", until)
    assert (code, "1 dead letters" in said) == (0, True)
    revived = await rows(dead, "SELECT notification_id FROM inbox WHERE state = 'new'")
    assert revived == [("n-11",)]


async def test_dead_letters_are_replayed_by_their_source(at_home: Shell, dead: AsyncEngine) -> None:
    _, said = await run(at_home, "inbox", "replay", "--source", "somebody-else")
    assert "0 dead letters" in said
    _, said = await run(at_home, "inbox", "replay", "--source", "expenses")
    assert "3 dead letters" in said
