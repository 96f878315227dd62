"""The embedded PostgreSQL: it starts, keeps what it was given, and leaves nothing behind."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from runtime.local.postgres import EmbeddedPostgres
from runtime.local.processes import ProcessError
from runtime.settings import Settings

STARTER = """
import asyncio, os, signal, sys
from pathlib import Path
from runtime.local.postgres import EmbeddedPostgres

async def main() -> None:
    server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
    await server.start()
    await server.create_database("kept")
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedPostgres]:
    async with EmbeddedPostgres(tmp_path_factory.mktemp("pg"), durable=False) as server:
        yield server


async def fetch_value(server: EmbeddedPostgres, database: str, statement: str) -> object:
    connection = await asyncpg.connect(server.dsn(database))
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def execute(server: EmbeddedPostgres, database: str, statement: str) -> None:
    connection = await asyncpg.connect(server.dsn(database))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_database_is_made_listed_and_dropped(postgres: EmbeddedPostgres) -> None:
    await postgres.create_database("ledger")
    assert "ledger" in await postgres.databases()
    await postgres.drop_database("ledger")
    assert "ledger" not in await postgres.databases()


async def test_a_database_copied_from_a_template_has_its_rows(postgres: EmbeddedPostgres) -> None:
    await postgres.create_database("original")
    await execute(postgres, "original", "CREATE TABLE fee AS SELECT 42 AS amount")
    await postgres.create_database("copy", template="original")
    assert await fetch_value(postgres, "copy", "SELECT amount FROM fee") == 42


async def test_the_product_connects_with_the_sqlalchemy_url(postgres: EmbeddedPostgres) -> None:
    await postgres.create_database("product")
    settings = Settings.model_validate({"database_url": postgres.sqlalchemy_url("product")})
    engine = create_async_engine(settings.database_url.get_secret_value())
    async with engine.connect() as connection:
        facts = (await connection.execute(text("SELECT current_database(), version()"))).one()
    await engine.dispose()
    assert facts[0] == "product"
    assert facts[1].startswith("PostgreSQL 18")


async def test_text_is_utf8_and_clocks_are_utc(postgres: EmbeddedPostgres) -> None:
    assert await fetch_value(postgres, "postgres", "SHOW server_encoding") == "UTF8"
    assert await fetch_value(postgres, "postgres", "SHOW timezone") == "UTC"


async def test_nothing_listens_on_the_network_and_the_socket_is_private(
    postgres: EmbeddedPostgres,
) -> None:
    assert await fetch_value(postgres, "postgres", "SHOW listen_addresses") == ""
    assert postgres.socket_directory.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["", "Upper", "a-b", 'a"; DROP TABLE fee; --', "x" * 64])
async def test_a_name_that_is_no_plain_identifier_is_refused(
    postgres: EmbeddedPostgres, name: str
) -> None:
    with pytest.raises(ValueError, match="not a database name"):
        await postgres.create_database(name)


async def test_a_deep_directory_still_gets_a_socket_of_legal_length(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    async with EmbeddedPostgres(deep, durable=False) as server:
        assert await fetch_value(server, "postgres", "SELECT 1") == 1


async def test_servers_of_two_directories_do_not_meet(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    await postgres.create_database("here")
    async with EmbeddedPostgres(tmp_path / "other", durable=False) as other:
        assert await other.databases() == set()


async def test_what_was_written_survives_a_stop(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg")
    async with server:
        await server.create_database("kept")
    assert not server.socket_directory.exists()
    async with server:
        assert await server.databases() == {"kept"}


@pytest.mark.parametrize("durable", [True, False])
async def test_what_was_committed_survives_a_kill(tmp_path: Path, durable: bool) -> None:
    async with EmbeddedPostgres(tmp_path / "pg", durable=durable) as server:
        open_connection = await asyncpg.connect(server.dsn("postgres"))
        await open_connection.execute("CREATE TABLE fee AS SELECT 42 AS amount")
        await server.kill()
        open_connection.terminate()
        await server.start()
        assert await fetch_value(server, "postgres", "SELECT amount FROM fee") == 42


async def test_the_server_of_a_killed_starter_ends_and_can_be_taken_over(tmp_path: Path) -> None:
    directory = tmp_path / "pg"
    command = [sys.executable, "-c", STARTER, str(directory)]
    starter = await asyncio.to_thread(subprocess.run, command, timeout=60, check=False)
    assert starter.returncode == -9
    async with EmbeddedPostgres(directory, durable=False) as successor:
        assert await successor.databases() == {"kept"}


async def test_a_directory_that_is_already_served_is_refused(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.local.postgres.START_SECONDS", 1.0)
    with pytest.raises(RuntimeError, match=r"already served by process [0-9]+\. Stop"):
        await EmbeddedPostgres(postgres.directory, durable=False).start()
    assert await fetch_value(postgres, "postgres", "SELECT 1") == 1


async def test_a_damaged_cluster_is_reported_with_the_servers_own_words(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg", durable=False)
    async with server:
        pass
    (server.data / "global" / "pg_control").unlink()
    with pytest.raises(ProcessError, match=r"(?s)postgres ended.*pg_control"):
        await server.start()


async def test_an_unfinished_cluster_is_never_served(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "pg", durable=False)
    server.directory.mkdir()
    (server.directory / f"data.{os.getpid()}.unfinished").mkdir()
    async with server:
        assert await server.databases() == set()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
async def test_started_by_root_the_server_runs_as_nobody(postgres: EmbeddedPostgres) -> None:
    assert postgres.data.owner() == "nobody"
