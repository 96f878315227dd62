"""What systems declare: a source is complete up to an instant, a period is locked."""

from __future__ import annotations

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.events import ExchangeRatesPublished, PeriodLocked, SourceCompleted
from store import references
from store.tables import exchange_rate

LOCK_BOOKS = "SELECT pg_advisory_xact_lock(hashtextextended(:lock, 0))"
SHARE_BOOKS = "SELECT pg_advisory_xact_lock_shared(hashtextextended(:lock, 0))"
RATES = "exchange_rate"


def books_of(legal_entity: str) -> str:
    """The lock of an entity's books: shared by who posts, alone for who closes a period."""
    return f"books/{legal_entity}"


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
    """A locked period stays locked since its first event. Who is posting in the entity's books
    ends first: what is posted after this sees the lock."""
    await connection.execute(text(LOCK_BOOKS), {"lock": books_of(event.legal_entity)})
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


async def keep_rates(connection: AsyncConnection, event: ExchangeRatesPublished) -> None:
    """Rates are only added to; the last one of a day stands. One writer at a time, so that their
    numbers are committed in order."""
    await connection.execute(text(LOCK_BOOKS), {"lock": RATES})
    await connection.execute(
        insert(exchange_rate),
        [
            {
                "base": pair[:3],
                "quote": pair[4:],
                "rate_on": event.rate_on,
                "rate": rate,
                "source": event.source,
            }
            for pair, rate in sorted(event.rates.items())
        ],
    )
