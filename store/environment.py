"""Whose database this is: one row names its environment, written by the first process that starts.

With it a staging process cannot work on production's database by a mistake in one variable.
"""

from __future__ import annotations

from typing import ClassVar, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.errors import SetupInvalid
from store.engine import transaction
from store.health import SchemaOutdated

_CLAIM: Final = """
INSERT INTO database_environment (name) VALUES (:name) ON CONFLICT DO NOTHING
"""


class DatabaseForeign(SetupInvalid):
    """The database belongs to another environment."""

    remedy: ClassVar[str] = (
        "Set C2C_DATABASE_URL to the database of this environment, or correct C2C_ENVIRONMENT_ID."
    )


async def claim(engine: AsyncEngine, environment_id: str) -> None:
    """Make the database this environment's if it is nobody's; of two at once, one is first.

    Raises DatabaseForeign when it belongs to another, SchemaOutdated before the first upgrade.
    """
    async with transaction(engine) as connection:
        await _require_table(connection)
        await connection.execute(text(_CLAIM), {"name": environment_id})
        owner = await _owner(connection)
    if owner != environment_id:
        raise DatabaseForeign(
            f"the database belongs to the environment {owner!r}, and C2C_ENVIRONMENT_ID says "
            f"{environment_id!r}"
        )


async def owner_of(engine: AsyncEngine) -> str:
    """The environment that claimed the database, or an empty text. Raises SchemaOutdated."""
    async with transaction(engine) as connection:
        await _require_table(connection)
        return await _owner(connection)


async def _require_table(connection: AsyncConnection) -> None:
    found = await connection.scalar(text("SELECT to_regclass('database_environment') IS NOT NULL"))
    if not found:
        raise SchemaOutdated("the database's schema is older than this version, or empty")


async def _owner(connection: AsyncConnection) -> str:
    return str(await connection.scalar(text("SELECT name FROM database_environment")) or "")
