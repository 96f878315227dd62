"""Taking news: a process's unapplied events, marked as applied by a taking that has a name."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.events import EVENT, BillingCutoff, Event, News, RetentionReleased
from canonical.periods import period_of
from store.delivery import NUDGE_CHANNEL, subject_of

EVENTS_PER_TAKING_MAX = 500
"""What is beyond stays unapplied, with a nudge of its own for the next taking."""


async def take_news(connection: AsyncConnection, process: str, token: str) -> tuple[News, ...]:
    """The events that this token took, or takes now; oldest first.

    A token that is asked again gives the same answer and takes nothing more. If later tokens were
    used since, the asker was reset to an earlier moment and will ask for them again, so everything
    from there on is nudged anew: signals that came at once count as one, and may not be enough.
    """
    known = await connection.scalar(
        text("SELECT id FROM process WHERE id = :process FOR UPDATE"), {"process": process}
    )
    if known is None:
        return ()  # it has never had an event
    if await _is_new(connection, process, token):
        await _apply(connection, process, token)
    else:
        await _nudge_what_follows(connection, process, token)
    return await _taken(connection, process, token)


async def _is_new(connection: AsyncConnection, process: str, token: str) -> bool:
    taking = await connection.execute(
        text(
            "INSERT INTO news_taking (process, token) VALUES (:process, :token)"
            " ON CONFLICT DO NOTHING"
        ),
        {"process": process, "token": token},
    )
    return taking.rowcount == 1


async def _apply(connection: AsyncConnection, process: str, token: str) -> None:
    """What is applied needs no nudge any more; what did not fit needs one more."""
    applied = await connection.execute(
        text(
            """
            UPDATE event_delivery SET applied_by = :token, applied_at = now(),
                nudged_at = coalesce(nudged_at, now())
            WHERE id IN (SELECT id FROM event_delivery
                         WHERE recipient = :process AND applied_by IS NULL
                         ORDER BY id LIMIT :limit)
            """
        ),
        {"process": process, "token": token, "limit": EVENTS_PER_TAKING_MAX},
    )
    if applied.rowcount == EVENTS_PER_TAKING_MAX:
        await _nudge_unapplied(connection, process)


async def _nudge_what_follows(connection: AsyncConnection, process: str, token: str) -> None:
    newest = await connection.scalar(
        text("SELECT token FROM news_taking WHERE process = :process ORDER BY number DESC LIMIT 1"),
        {"process": process},
    )
    if newest == token:
        return  # a lost answer or a retry: nothing happened since
    await connection.execute(
        text(
            """
            UPDATE event_delivery d SET nudged_at = NULL, claimed_until = NULL
            FROM news_taking later, news_taking this
            WHERE d.recipient = :process AND later.process = :process AND this.process = :process
              AND later.token = d.applied_by AND this.token = :token
              AND later.number > this.number
            """
        ),
        {"process": process, "token": token},
    )
    await _nudge_unapplied(connection, process)


async def _nudge_unapplied(connection: AsyncConnection, process: str) -> None:
    await connection.execute(
        text(
            "UPDATE event_delivery SET nudged_at = NULL, claimed_until = NULL"
            " WHERE recipient = :process AND applied_by IS NULL"
        ),
        {"process": process},
    )
    await connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": NUDGE_CHANNEL})


async def _taken(connection: AsyncConnection, process: str, token: str) -> tuple[News, ...]:
    found = await connection.execute(
        text(
            "SELECT d.event_id, d.run, e.body FROM event_delivery d"
            " JOIN business_event e ON e.id = d.event_id"
            " WHERE d.recipient = :process AND d.applied_by = :token ORDER BY d.id"
        ),
        {"process": process, "token": token},
    )
    return tuple(
        _as_news(str(row.event_id), EVENT.validate_python(row.body), row.run) for row in found
    )


def _as_news(row: str, event: Event, run: int) -> News:
    subject = subject_of(event)
    period, cutoff = _run_of(event)
    return News(
        type=event.type,
        event=row,
        period=period,
        cutoff=cutoff,
        run=run,
        subject=str(subject) if subject is not None else "",
    )


def _run_of(event: Event) -> tuple[str, datetime | None]:
    """The period and cut-off of the billing run that an event opened, if it opened one."""
    match event:
        case BillingCutoff():
            return event.period, event.cutoff
        case RetentionReleased():
            return period_of(event.occurred_at.date()), event.occurred_at
        case _:
            return "", None
