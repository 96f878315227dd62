"""Brings a database to the schema of this version; safe to repeat and to run twice at once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from store.engine import create_engine, transaction

_LOCK = 7_231_005_846_112
"""The advisory lock that lets one process at a time migrate a database; any constant serves."""


async def upgrade(database_url: str, revision: str = "head") -> None:
    """Migrate in one transaction: all of it, or nothing. Raises SystemUnavailable."""
    engine = create_engine(database_url, pool_size=1)
    try:
        async with transaction(engine) as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            await connection.run_sync(_upgrade, revision)
    finally:
        await engine.dispose()


@cache
def head() -> str:
    """The revision that this version of the product needs."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise RuntimeError("the package holds no migrations; install it again")
    return revision


def current(connection: Connection) -> str | None:
    """The revision of a database, or None when it was never migrated."""
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection, revision: str) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _config() -> Config:
    """Built here, without an alembic.ini, so that an installed package finds its migrations."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
