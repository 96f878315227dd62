"""Hearing: what the books have not been told yet of a contract's entries, events and payments."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.billing import HeldPart
from canonical.contract import ContractVersion

# Which project's work is the contract's, in the words of the systems that record it.
ITEMS_OF: Final = """
(w.project_system, w.project_kind, w.project_id) IN (
    SELECT l.system, l.kind, l.external_id FROM identity_link l
    JOIN project p ON p.id::text = l.noun_id AND l.noun = 'project'
    WHERE p.engagement_id = :engagement)
"""

# Locked in the order of ids, as `upsert_items` locks: what we hear cannot change before we commit.
_LOCK: Final = f"""
SELECT count(*) FROM (
    SELECT 1 FROM work_item w JOIN work_item_balance b ON b.item_id = w.id
    WHERE {ITEMS_OF} AND b.approved > b.billed - b.credited
    ORDER BY w.id FOR SHARE OF w
) locked
"""

# What of an item's body says nothing about its price.
_SAYS_NOTHING: Final = "'version', 'approved', 'approved_at', 'approved_by', 'description'"

# An entry is heard when it is approved; again when it was changed. Billed already, a change waits
# for the credit of what was billed: until then the entry is gone. More hours, or the approval of
# what was billed as it was billed, need no credit. What is gone and stays gone is no news.
_HEAR: Final = f"""
INSERT INTO book_work (chapter_id, item_id, revision, effect, role)
SELECT CAST(:chapter AS bigint), id, revision, effect,
       coalesce(CAST(:roles AS jsonb) ->> role, said, '')
FROM (
    SELECT w.id, w.revision, w.body ->> 'role' AS said,
           lower(btrim(w.body ->> 'role')) AS role, last.effect AS before, CASE
        WHEN NOT w.approved THEN 'gone'
        WHEN last.effect IS NULL OR b.billed = b.credited THEN 'approved'
        WHEN w.approved_quantity >= b.billed - b.credited
             AND w.body - ARRAY[{_SAYS_NOTHING}, 'hours']
                 = billed.body - ARRAY[{_SAYS_NOTHING}, 'hours'] THEN 'approved'
        ELSE 'gone' END AS effect
    FROM work_item w
    JOIN work_item_balance b ON b.item_id = w.id
    LEFT JOIN LATERAL (
        SELECT h.revision, h.effect FROM book_work h
        WHERE h.item_id = w.id AND h.effect <> 'submitted'
        ORDER BY h.chapter_id DESC LIMIT 1) last ON true
    LEFT JOIN LATERAL (
        SELECT coalesce(a.body, w.body) AS body
        FROM book_work h LEFT JOIN work_item_archive a
            ON (a.item_id, a.revision) = (h.item_id, h.revision)
        WHERE last.effect IS NOT NULL AND h.item_id = w.id AND h.effect = 'approved'
        ORDER BY h.chapter_id DESC LIMIT 1) billed ON true
    WHERE {ITEMS_OF} AND w.work_date >= :begins
      AND (last.revision IS DISTINCT FROM w.revision OR last.effect = 'gone')
) changed
WHERE coalesce(before, 'gone') <> 'gone' OR effect = 'approved'
ORDER BY id
"""

# For a month-end accrual: what waits for its approval, as it stands at this close.
_SUBMITTED: Final = f"""
INSERT INTO book_work (chapter_id, item_id, revision, effect, role)
SELECT CAST(:chapter AS bigint), w.id, w.revision, 'submitted',
       coalesce(CAST(:roles AS jsonb) ->> lower(btrim(w.body ->> 'role')), w.body ->> 'role', '')
FROM work_item w
WHERE {ITEMS_OF} AND w.work_date >= :begins AND w.work_date <= :through
  AND NOT w.approved AND w.kind = 'time' AND (w.body -> 'submitted') = 'true'::jsonb
  AND (w.body -> 'billable') = 'true'::jsonb
ORDER BY w.id
ON CONFLICT DO NOTHING
"""

_EARLY: Final = f"""
SELECT w.source || '/' || w.kind || '/' || w.external_id AS entry,
       b.approved - b.billed + b.credited AS quantity
FROM work_item w JOIN work_item_balance b ON b.item_id = w.id
WHERE {ITEMS_OF} AND w.approved AND w.work_date < :begins AND w.work_date <= :through
  AND b.approved > b.billed - b.credited
ORDER BY w.id
"""


async def hear_work(
    connection: AsyncConnection,
    chapter: int,
    versions: Sequence[ContractVersion],
    roles: Mapping[str, str],
) -> int:
    """Give a chapter the entries that changed since the last one; they stay as they are until this
    transaction ends. `roles` maps the sources' names of roles to the contract's. Returns their
    number."""
    values = _of(versions)
    await connection.execute(text(_LOCK), {"engagement": values["engagement"]})
    told = {**values, "chapter": chapter, "roles": json.dumps(dict(roles))}
    heard = await connection.execute(text(_HEAR), told)
    return heard.rowcount


async def hear_submitted(
    connection: AsyncConnection,
    chapter: int,
    versions: Sequence[ContractVersion],
    roles: Mapping[str, str],
    through: date,
) -> None:
    """Give a revenue close the time that is submitted and not approved."""
    told = {**_of(versions), "chapter": chapter, "roles": json.dumps(dict(roles))}
    await connection.execute(text(_SUBMITTED), {**told, "through": through})


async def early_work(
    connection: AsyncConnection, versions: Sequence[ContractVersion], through: date
) -> Sequence[HeldPart]:
    """Approved entries that are dated before the contract begins."""
    begins = min(version.effective_from for version in versions)
    found = await connection.execute(text(_EARLY), {**_of(versions), "through": through})
    reason = f"its date is before the contract begins on {begins}"
    return [HeldPart(entry=row.entry, quantity=row.quantity, reason=reason) for row in found]


def _of(versions: Sequence[ContractVersion]) -> dict[str, object]:
    begins = min(version.effective_from for version in versions)
    return {"engagement": versions[0].engagement_id, "begins": begins}
