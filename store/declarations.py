"""What systems declare: a source is complete up to an instant, a period is locked."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.events import PeriodLocked, SourceCompleted
from store import references


async def declare_complete(
    connection: AsyncConnection, event_row: str, event: SourceCompleted
) -> None:
    """Keep the newest declaration of a project, kind and instant."""
    await connection.execute(
        text(
            """
            INSERT INTO source_completion AS known (project_system, project_kind, project_id, kind,
                up_to, count, quantity, cost, declared_at, event_id)
            VALUES (:project_system, :project_kind, :project_id, :kind, :up_to, :count, :quantity,
                :cost, :declared_at, CAST(:event AS uuid))
            ON CONFLICT (project_system, project_kind, project_id, kind, up_to) DO UPDATE SET
                count = excluded.count, quantity = excluded.quantity, cost = excluded.cost,
                declared_at = excluded.declared_at, event_id = excluded.event_id
            WHERE known.declared_at <= excluded.declared_at
            """
        ),
        {
            **references.columns("project", event.project),
            "kind": event.totals.kind,
            "up_to": event.up_to,
            "count": event.totals.count,
            "quantity": event.totals.quantity,
            "cost": event.totals.cost,
            "declared_at": event.occurred_at,
            "event": event_row,
        },
    )


async def lock_period(connection: AsyncConnection, event_row: str, event: PeriodLocked) -> None:
    """A locked period stays locked since its first event."""
    await connection.execute(
        text(
            "INSERT INTO period_lock (legal_entity, period, locked_at, event_id)"
            " VALUES (:legal_entity, :period, :locked_at, CAST(:event AS uuid))"
            " ON CONFLICT (legal_entity, period) DO NOTHING"
        ),
        {
            "legal_entity": event.legal_entity,
            "period": event.period,
            "locked_at": event.occurred_at,
            "event": event_row,
        },
    )
