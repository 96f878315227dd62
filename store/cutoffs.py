"""Billing runs opened by a cut-off, numbered per engagement and period."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


async def open_runs(
    connection: AsyncConnection,
    event_row: str,
    period: str,
    cutoff: datetime,
    engagements: Sequence[str],
) -> list[tuple[str, int]]:
    """One run per engagement, as (engagement, number); the engagements are locked by the caller,
    so that two cut-offs at once cannot take the same number."""
    found = await connection.execute(
        text(
            """
            INSERT INTO billing_run (engagement_id, period, run, cutoff, event_id)
            SELECT e, :period,
                   1 + coalesce((SELECT max(r.run) FROM billing_run r
                                 WHERE r.engagement_id = e AND r.period = :period), 0),
                   :cutoff, CAST(:event AS uuid)
            FROM unnest(CAST(:engagements AS text[])) AS e
            RETURNING engagement_id, run
            """
        ),
        {
            "period": period,
            "cutoff": cutoff,
            "event": event_row,
            "engagements": list(engagements),
        },
    )
    return sorted((str(row.engagement_id), int(row.run)) for row in found)
