"""Durable workflows as the store knows them: their ids, and the row that is locked for their news.

The ids are the ones under which the workflows run.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.ids import EngagementId, InvoiceId


def engagement_process(engagement: EngagementId | str) -> str:
    return f"engagement/{engagement}"


def invoice_process(invoice: InvoiceId | str) -> str:
    return f"invoice/{invoice}"


async def ensure(connection: AsyncConnection, processes: Sequence[str]) -> None:
    """The rows of processes, made if they are new."""
    await connection.execute(
        text(
            "INSERT INTO process (id, kind)"
            " SELECT id, split_part(id, '/', 1) FROM unnest(CAST(:ids AS text[])) AS id"
            " ORDER BY id ON CONFLICT (id) DO NOTHING"
        ),
        {"ids": list(processes)},
    )


async def close(connection: AsyncConnection, process: str) -> None:
    await connection.execute(
        text(
            "UPDATE process SET state = 'closed', closed_at = now()"
            " WHERE id = :id AND state = 'open'"
        ),
        {"id": process},
    )
