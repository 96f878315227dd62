"""The audit trail and exception cases, written in the transaction of what they tell of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.case import Case
from canonical.ids import CaseId
from store.audit import personal
from store.tables import audit_event

SYSTEM_ACTOR = personal.SYSTEM_ACTOR
MESSAGE_MAX = 4_000


async def note(
    connection: AsyncConnection,
    process: str,
    action: str,
    *,
    actor: str = SYSTEM_ACTOR,
    legal_entity: str = "",
    **detail: str,
) -> None:
    """Append one row; rows are never changed."""
    await note_detail(connection, process, action, actor, detail, legal_entity)


async def note_detail(
    connection: AsyncConnection,
    process: str,
    action: str,
    actor: str,
    detail: Mapping[str, str],
    legal_entity: str = "",
) -> None:
    """The same; names and words of people are kept under their own keys."""
    kept = await personal.protect(connection, process, action, actor, detail)
    await connection.execute(
        audit_event.insert().values(
            process=process, action=action, legal_entity=legal_entity, **kept._asdict()
        )
    )


_REOPEN: Final = """
UPDATE exception_case SET state = 'open', opened_at = now(), resolved_at = NULL, resolution = ''
WHERE id = CAST(:id AS uuid) AND state = 'resolved'
"""

_OPEN_OR_COUNT: Final = """
INSERT INTO exception_case AS c (id, process, cause, subject, owner, message, next_step,
    legal_entity, amount, currency, opened_at)
VALUES (CAST(:id AS uuid), :process, :cause, :subject, :owner, :message, :next_step,
    :legal_entity, CAST(:amount AS numeric), :currency,
    coalesce(CAST(:opened_at AS timestamptz), now()))
ON CONFLICT (id) DO UPDATE SET occurrences = c.occurrences + 1, last_seen_at = now(),
    message = excluded.message, next_step = excluded.next_step, owner = excluded.owner,
    amount = excluded.amount, currency = excluded.currency
RETURNING (xmax = 0) AS is_new
"""


async def open_case(connection: AsyncConnection, case: Case) -> None:
    """Open a case, or count one more occurrence; a resolved one that comes back opens again."""
    reopened = await connection.execute(text(_REOPEN), {"id": case.id})
    is_new = await connection.scalar(text(_OPEN_OR_COUNT), _columns(case))
    if is_new or reopened.rowcount:
        await note(
            connection,
            case.process,
            "case.opened",
            legal_entity=case.legal_entity,
            case=case.id,
            cause=case.cause,
            subject=case.subject,
        )


def _columns(case: Case) -> dict[str, object]:
    return {
        "id": case.id,
        "process": case.process,
        "cause": case.cause,
        "subject": case.subject,
        "owner": case.owner.value,
        "message": case.message[:MESSAGE_MAX],
        "next_step": case.next_step[:MESSAGE_MAX],
        "legal_entity": case.legal_entity,
        "amount": case.amount.amount if case.amount is not None else None,
        "currency": case.amount.currency if case.amount is not None else None,
        "opened_at": case.opened_at,
    }


async def resolve_case(
    connection: AsyncConnection, case: CaseId, resolution: str, by: str = SYSTEM_ACTOR
) -> bool:
    """Resolve one open case; False when it was not open."""
    found = await connection.execute(
        text(
            "UPDATE exception_case SET state = 'resolved', resolved_at = now(),"
            " resolution = :resolution WHERE id = CAST(:id AS uuid) AND state = 'open'"
            " RETURNING process, legal_entity"
        ),
        {"id": case, "resolution": resolution[:MESSAGE_MAX]},
    )
    row = found.one_or_none()
    if row is None:
        return False
    await note(
        connection,
        row.process,
        "case.resolved",
        actor=by,
        legal_entity=row.legal_entity,
        case=case,
        resolution=resolution[:MESSAGE_MAX],
    )
    return True
