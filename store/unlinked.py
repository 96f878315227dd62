"""Records of outside systems that have waited too long for a link: one case each, until linked."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.case import Case
from canonical.errors import Role
from canonical.ids import CaseId, ExternalRef, case_id
from store import references, trail

PROCESS: Final = "unlinked"
CAUSE: Final = "RecordUnlinked"
RECORDS_MAX: Final = 200
"""Cases that one pass opens; the next pass goes on."""

_WAITING: Final = """
SELECT record_system, record_kind, record_id, sum(events) AS events, sum(items) AS items FROM (
    SELECT subject_system AS record_system, subject_kind AS record_kind, subject_id AS record_id,
           count(*) AS events, 0 AS items
    FROM business_event WHERE state = 'waiting' AND received_at < :before GROUP BY 1, 2, 3
    UNION ALL
    SELECT project_system, project_kind, project_id, 0, count(*)
    FROM work_item w
    WHERE approved_quantity > 0 AND stored_at < :before AND NOT EXISTS (
        SELECT 1 FROM identity_link l WHERE l.system = w.project_system
            AND l.kind = w.project_kind AND l.external_id = w.project_id)
    GROUP BY 1, 2, 3
) waiting
WHERE NOT EXISTS (
    SELECT 1 FROM exception_case c WHERE c.process = :process AND c.state = 'open'
        AND c.subject = concat_ws('/', record_system, record_kind, record_id))
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT :limit
"""


async def raise_cases(connection: AsyncConnection, before: datetime) -> int:
    """Open a case for each record that events or approved entries name since before a moment, and
    that nobody has linked; returns how many were opened."""
    found = await connection.execute(
        text(_WAITING), {"before": before, "process": PROCESS, "limit": RECORDS_MAX}
    )
    rows = found.mappings().all()
    for row in rows:
        record = references.read("record", row)
        if record is not None:
            await trail.open_case(connection, _case(record, row["events"], row["items"]))
    return len(rows)


async def resolve(connection: AsyncConnection, record: ExternalRef) -> None:
    """The record is linked now."""
    await trail.resolve_case(connection, _identity(record), "the record was linked")


def _identity(record: ExternalRef) -> CaseId:
    return case_id(PROCESS, CAUSE, str(record))


def _case(record: ExternalRef, events: int, items: int) -> Case:
    return Case(
        id=_identity(record),
        process=PROCESS,
        cause=CAUSE,
        subject=str(record),
        owner=Role.PROJECT_OPERATIONS,
        message=f"{events} events and {items} approved entries name {record}, "
        "which belongs to no engagement or invoice that we know",
        next_step="Link the record to its engagement, or correct the project in the source.",
    )
