"""Hearing: what the books have not been told yet of a contract's entries, events and payments."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.billing import HeldPart
from canonical.case import Case
from canonical.contract import ContractVersion
from canonical.errors import Role
from canonical.ids import case_id
from store import trail
from store.processes import engagement_process

# Which project's work is the contract's, in the words of the systems that record it.
ITEMS_OF: Final = """
(w.project_system, w.project_kind, w.project_id) IN (
    SELECT l.system, l.kind, l.external_id FROM identity_link l
    JOIN project p ON p.id::text = l.noun_id AND l.noun = 'project'
    WHERE p.engagement_id = :engagement)
"""

# How the sources of a contract's project call its people's roles, and who did the work.
_NAMES: Final = f"""
SELECT DISTINCT coalesce(w.body ->> 'role', '') AS role,
       coalesce(w.body ->> 'legal_entity', '') AS entity
FROM work_item w WHERE {ITEMS_OF}
"""

# What of an item's body says nothing about its price.
_SAYS_NOTHING: Final = (
    "'version', 'submitted', 'approved', 'approved_at', 'approved_by', 'description'"
)

# What the contract's own books were told last.
_MINE: Final = """
SELECT DISTINCT ON (h.item_id) h.item_id, h.revision, h.effect
FROM book_work h JOIN book_chapter c ON c.id = h.chapter_id
WHERE c.contract_id = CAST(:contract AS uuid) AND h.effect <> 'submitted'
ORDER BY h.item_id, h.chapter_id DESC
"""

# Every entry that is heard or may be billed now is locked first, in the order of ids as
# `upsert_items` locks: it stays as it is until the chapter is kept, else a version that was heard
# would be lost. What is stored meanwhile is not seen here.
_LOCKED: Final = f"""
SELECT w.id, w.revision, CASE WHEN b.billed <> b.credited THEN w.body END AS body,
       w.approved, w.approved_quantity, b.billed - b.credited AS billed,
       {ITEMS_OF} AND w.work_date >= :begins AS is_ours,
       coalesce(w.body ->> 'role', '') AS said, mine.revision AS heard, mine.effect AS before
FROM work_item w JOIN work_item_balance b ON b.item_id = w.id
LEFT JOIN mine ON mine.item_id = w.id
WHERE w.id IN (SELECT w.id FROM work_item w WHERE {ITEMS_OF}
               UNION ALL SELECT item_id FROM mine WHERE effect = 'approved')
  AND (b.approved > b.billed - b.credited OR mine.revision IS DISTINCT FROM w.revision
       OR mine.effect = 'gone' AND w.approved)
ORDER BY w.id FOR SHARE OF w
"""

_BILLED_HERE: Final = """
(SELECT sum(t.quantity) FROM billing_transaction t
 WHERE t.item_id = locked.id AND t.contract_id = CAST(:contract AS uuid))
"""

_BODY_BEFORE: Final = """
(SELECT coalesce(a.body, locked.body)
 FROM book_work h JOIN book_chapter c ON c.id = h.chapter_id
 LEFT JOIN work_item_archive a ON (a.item_id, a.revision) = (h.item_id, h.revision)
 WHERE h.item_id = locked.id AND h.effect = 'approved'
   AND c.contract_id = CAST(:contract AS uuid)
 ORDER BY h.chapter_id DESC LIMIT 1)
"""

# An entry is heard when it is approved; again when it was changed, also when it moved to another
# contract. Billed already, a change waits for the credit of what was billed: until then the entry
# is gone. More hours, or the approval of what was billed as it was billed, need no credit. What is
# gone and stays gone is no news.
_HEAR: Final = f"""
WITH mine AS ({_MINE}), locked AS MATERIALIZED ({_LOCKED})
INSERT INTO book_work (chapter_id, item_id, revision, effect, role)
SELECT CAST(:chapter AS bigint), id, revision, effect,
       coalesce(CAST(:roles AS jsonb) ->> said, said)
FROM (
    SELECT id, revision, said, heard, before, CASE
        WHEN NOT is_ours OR NOT approved THEN 'gone'
        WHEN billed = 0 THEN 'approved'
        WHEN before IS NOT NULL AND approved_quantity >= billed AND billed = {_BILLED_HERE}
             AND body - ARRAY[{_SAYS_NOTHING}, 'hours']
                 = {_BODY_BEFORE} - ARRAY[{_SAYS_NOTHING}, 'hours'] THEN 'approved'
        ELSE 'gone' END AS effect
    FROM locked
) changed
WHERE (heard IS DISTINCT FROM revision OR before = 'gone')
  AND (coalesce(before, 'gone') <> 'gone' OR effect = 'approved')
  AND (effect = 'gone' OR jsonb_exists(CAST(:roles AS jsonb), said))
ORDER BY id
"""

# What is told as gone and has no proposal to be credited: nobody would see that it must be.
_CHANGED_AFTER_BILLING: Final = """
SELECT count(*) FROM book_work h JOIN work_item_balance b ON b.item_id = h.item_id
WHERE h.chapter_id = :chapter AND h.effect = 'gone'
  AND b.billed > b.credited AND b.recall_pending = 0
"""

# For a month-end accrual: what waits for its approval, as it stands at this close.
_SUBMITTED: Final = f"""
WITH locked AS MATERIALIZED (
    SELECT w.id, w.revision, coalesce(w.body ->> 'role', '') AS said
    FROM work_item w
    WHERE {ITEMS_OF} AND w.work_date >= :begins AND w.work_date <= :through
      AND NOT w.approved AND w.kind = 'time' AND (w.body -> 'submitted') = 'true'::jsonb
      AND (w.body -> 'billable') = 'true'::jsonb
    ORDER BY w.id FOR SHARE OF w
)
INSERT INTO book_work (chapter_id, item_id, revision, effect, role)
SELECT CAST(:chapter AS bigint), id, revision, 'submitted', CAST(:roles AS jsonb) ->> said
FROM locked WHERE jsonb_exists(CAST(:roles AS jsonb), said)
ORDER BY id
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


class Said(NamedTuple):
    """Names in the items of a contract's project."""

    roles: frozenset[str]
    """As the sources write them."""
    entities: frozenset[str]
    """Legal entities that did the work."""


NOTHING_SAID: Final = Said(frozenset(), frozenset())


async def names_said(connection: AsyncConnection, versions: Sequence[ContractVersion]) -> Said:
    """What to know before hearing: an entry with a name that is not among these came later, and is
    heard next time."""
    found = (await connection.execute(text(_NAMES), _of(versions))).all()
    return Said(
        frozenset(row.role for row in found),
        frozenset(row.entity for row in found) - {""},
    )


async def hear_work(
    connection: AsyncConnection,
    chapter: int,
    versions: Sequence[ContractVersion],
    roles: Mapping[str, str],
) -> int:
    """Give a chapter the entries that changed since the last one; they stay as they are until this
    transaction ends. `roles` maps the sources' names of roles to the contract's. Returns their
    number."""
    told = {**_of(versions), "chapter": chapter, "roles": json.dumps(dict(roles))}
    heard = await connection.execute(text(_HEAR), told)
    changed = await connection.scalar(text(_CHANGED_AFTER_BILLING), {"chapter": chapter})
    if changed:
        await _raise_case(connection, versions[0], changed)
    return heard.rowcount


async def _raise_case(connection: AsyncConnection, version: ContractVersion, changed: int) -> None:
    process = engagement_process(version.engagement_id)
    await trail.open_case(
        connection,
        Case(
            id=case_id(process, "ChangedAfterBilling", version.contract_id),
            process=process,
            cause="ChangedAfterBilling",
            subject=f"billed entries of {version.engagement_id}",
            owner=Role.FINANCE,
            message=f"{changed} billed entries are not as they were billed any more",
            next_step="Credit them, and the next run bills them as they are now; or have the "
            "source change them back.",
            legal_entity=version.legal_entity,
        ),
    )


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
    return {
        "engagement": versions[0].engagement_id,
        "contract": versions[0].contract_id,
        "begins": begins,
    }
