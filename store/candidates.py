"""What a billing run may take: unbilled approved items of the engagement's projects, locked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.billing import BillingRun
from canonical.errors import RecordMissing
from canonical.ids import EngagementId, WorkItemId
from canonical.periods import last_day
from canonical.rules.context import RatedItem
from canonical.work import WORK_ITEM
from store.engine import SYSTEM

_TAKEABLE: Final = """
    w.approved_at <= :cutoff AND w.approved_quantity > 0
    AND w.work_date BETWEEN :go_live AND :last_day
    AND b.approved > b.billed - b.credited
"""

_FIND: Final = f"""
SELECT w.id FROM work_item w JOIN work_item_balance b ON b.item_id = w.id
WHERE (w.project_system, w.project_kind, w.project_id) IN (
        SELECT l.system, l.kind, l.external_id FROM identity_link l
        JOIN project p ON p.id::text = l.noun_id AND l.noun = 'project'
        WHERE p.engagement_id = :engagement)
  AND (CAST(:after AS uuid) IS NULL OR w.id > CAST(:after AS uuid))
  AND {_TAKEABLE}
ORDER BY w.id LIMIT :limit
"""

# Locked in the order of ids, as the triggers lock. What changed while we waited is judged again:
# a new statement sees it.
_LOCK: Final = """
SELECT count(*) FROM (
    SELECT 1 FROM work_item_balance WHERE item_id = ANY(CAST(:ids AS uuid[]))
    ORDER BY item_id FOR NO KEY UPDATE
) locked
"""

_READ: Final = f"""
SELECT w.body, w.revision, b.approved - b.billed + b.credited AS unbilled
FROM work_item w JOIN work_item_balance b ON b.item_id = w.id
WHERE w.id = ANY(CAST(:ids AS uuid[])) AND {_TAKEABLE}
ORDER BY w.id
"""


async def lock_engagement(connection: AsyncConnection, engagement: EngagementId) -> None:
    """One billing step at a time per engagement. Raises RecordMissing."""
    found = await connection.scalar(
        text("SELECT id FROM engagement WHERE id = :id FOR NO KEY UPDATE"), {"id": engagement}
    )
    if found is None:
        raise RecordMissing(SYSTEM, f"there is no engagement {engagement}; check the id")


async def find(
    connection: AsyncConnection,
    run: BillingRun,
    after: WorkItemId | None,
    limit: int,
    go_live: date,
) -> Sequence[str]:
    """Ids of takeable items in their order, after `after`."""
    found = await connection.scalars(
        text(_FIND),
        {"engagement": run.engagement_id, "after": after, "limit": limit, **_window(run, go_live)},
    )
    return [str(each) for each in found]


async def lock(
    connection: AsyncConnection, run: BillingRun, ids: Sequence[str], go_live: date
) -> list[RatedItem]:
    """The items among `ids` that are still takeable; a recall now waits for our commit."""
    if not ids:
        return []
    await connection.execute(text(_LOCK), {"ids": ids})
    found = await connection.execute(text(_READ), {"ids": ids, **_window(run, go_live)})
    return [
        RatedItem(
            item=WORK_ITEM.validate_python(row.body), version=row.revision, unbilled=row.unbilled
        )
        for row in found
    ]


def _window(run: BillingRun, go_live: date) -> dict[str, object]:
    return {"cutoff": run.cutoff, "go_live": go_live, "last_day": last_day(run.period)}
