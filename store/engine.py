"""The connection to PostgreSQL: one pool per process, UTC, and short transactions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, cast

import asyncpg
from pydantic_core import from_json, to_json
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from canonical.errors import DataRejected, DomainError, SystemUnavailable
from runtime.settings import AuditKey
from store.audit.keys import OPTION, KeyRing

POOL_SIZE = 10
POOL_OVERFLOW = 5
POOL_TIMEOUT_S = 30
CONNECT_TIMEOUT_S = 10
STATEMENT_TIMEOUT_S = 120

SYSTEM = "store"
"""The name under which errors of the database are reported."""

_TRANSIENT_CLASSES = ("08", "40", "53", "57")
"""SQLSTATE classes that time mends: connection, rollback (deadlock), resources, shutdown."""
_BAD_DATA_CLASS = "22"


def create_engine(
    database_url: str, *, pool_size: int = POOL_SIZE, audit_keys: Sequence[AuditKey] = ()
) -> AsyncEngine:
    """An engine for `postgresql+asyncpg://...`; the caller disposes of it.

    Parameters never appear in errors or logs (they hold personal data). With audit keys, whatever
    is written to the audit trail over this engine has its personal fields encrypted.
    """
    return create_async_engine(
        database_url,
        pool_size=pool_size,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=POOL_TIMEOUT_S,
        pool_pre_ping=True,  # a restarted database must not cost a failed transaction each
        hide_parameters=True,
        execution_options={OPTION: KeyRing.of(audit_keys)},
        json_serializer=lambda value: to_json(value).decode(),
        json_deserializer=from_json,
        connect_args={
            "timeout": CONNECT_TIMEOUT_S,
            "command_timeout": STATEMENT_TIMEOUT_S,
            "server_settings": {
                "application_name": "client-to-cash",
                "timezone": "UTC",
                "jit": "off",  # planning costs more than it gains on short statements
                "lock_timeout": "30s",
                "idle_in_transaction_session_timeout": "300s",
            },
        },
    )


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction: committed at the end of the block, rolled back by any error in it.

    Raises SystemUnavailable when the database is away or asks for a retry (a deadlock), and
    DataRejected for values that it cannot hold; broken constraints pass as they are.
    """
    connection = engine.connect()
    try:
        await connection.start()
    except (OSError, DBAPIError, PoolTimeout, asyncpg.PostgresError) as error:
        raise SystemUnavailable(SYSTEM, "the database does not answer") from error
    try:
        async with connection.begin():
            yield connection
    except DBAPIError as error:
        translated = _translated(error)
        if translated is None:
            raise
        raise translated from error
    finally:
        await connection.close()


def sqlstate(error: DBAPIError | asyncpg.PostgresError) -> str:
    """The five characters that PostgreSQL gives every error, or an empty text."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(cause, "sqlstate", None) or "")


def constraint_of(error: DBAPIError) -> str:
    """The name of the constraint that refused a statement, or an empty text."""
    cause = error.orig.__cause__ if error.orig is not None else None
    return str(getattr(cause, "constraint_name", None) or "")


def _translated(error: DBAPIError | asyncpg.PostgresError) -> DomainError | None:
    state = sqlstate(error)
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if lost or state.startswith(_TRANSIENT_CLASSES):
        return SystemUnavailable(SYSTEM, f"the transaction was lost ({state or 'disconnected'})")
    if state.startswith(_BAD_DATA_CLASS):
        return DataRejected(SYSTEM, f"a value cannot be stored (SQLSTATE {state})")
    return None


async def copy_rows(
    connection: AsyncConnection,
    table: str,
    columns: Sequence[str],
    rows: Iterable[Iterable[object]],
) -> None:
    """COPY rows into a table, inside the connection's transaction (which a statement has begun).

    `rows` is consumed while it is sent, so memory stays flat. Raises as `transaction` does, and
    asyncpg's own error for a broken constraint, because a COPY goes past SQLAlchemy.
    """
    raw = await connection.get_raw_connection()
    driver = cast(_CopyDriver, raw.driver_connection)
    try:
        await driver.copy_records_to_table(table, records=rows, columns=list(columns))
    except asyncpg.PostgresError as error:
        translated = _translated(error)
        if translated is None:
            raise
        raise translated from error


class _CopyDriver(Protocol):
    """What we use of asyncpg's own connection."""

    async def copy_records_to_table(
        self, table: str, *, records: Iterable[Iterable[object]], columns: list[str]
    ) -> str: ...
