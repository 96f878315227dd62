"""Whether the store can be used: it answers, and its schema is the one that this version needs."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.errors import SetupInvalid
from store import migrations
from store.engine import transaction


class SchemaOutdated(SetupInvalid):
    """The database was not migrated to this version (or was migrated past it)."""

    remedy: ClassVar[str] = "Run `c2c db upgrade` with the newest version that is deployed."


async def check(engine: AsyncEngine) -> None:
    """Returns when the store is ready. Raises SystemUnavailable or SchemaOutdated."""
    async with transaction(engine) as connection:
        current = await connection.run_sync(migrations.current)
    if current != migrations.head():
        raise SchemaOutdated(
            f"the database's schema is {current or 'empty'}, but {migrations.head()} is needed"
        )
