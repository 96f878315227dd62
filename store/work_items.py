"""Work items in bulk: COPY into a temporary table, then a few statements over sets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.case import Case
from canonical.errors import Role, RuleViolation
from canonical.events import ExpenseApproved, ExpenseRecalled, TimeApproved, TimeRecalled
from canonical.ids import case_id
from canonical.records import ItemsStored
from canonical.work import Expense, TimeEntry
from store import trail
from store.engine import copy_rows

Item = TimeEntry | Expense

_JSON: Final = TypeAdapter(Item)

# One table per connection, emptied at each commit: nothing to drop, so the catalogue does not grow.
_INCOMING = """
CREATE TEMPORARY TABLE IF NOT EXISTS incoming_item (
    id uuid PRIMARY KEY, source text, kind text, external_id text, version timestamptz,
    project_system text, project_kind text, project_id text, work_date date, approved boolean,
    approved_at timestamptz, quantity numeric, approved_quantity numeric, cost numeric,
    currency text, body jsonb, outcome text
) ON COMMIT DELETE ROWS
"""
_COLUMNS: Final = [
    *("id", "source", "kind", "external_id", "version"),
    *("project_system", "project_kind", "project_id"),
    *("work_date", "approved", "approved_at"),
    *("quantity", "approved_quantity", "cost", "currency", "body"),
]

# A concurrent writer of the same new item is waited for here; its row is then seen by the update
# below, which has a snapshot of its own.
_INSERT_NEW = f"""
INSERT INTO work_item (revision, {", ".join(_COLUMNS)})
SELECT 1, {", ".join(_COLUMNS)} FROM incoming_item ORDER BY id
ON CONFLICT DO NOTHING
"""

# Vendors stamp whole seconds: of two states with the same stamp the one without approval counts,
# whatever the order in which they come (an entry recalled in the second of its approval).
_NEWER: Final = """
(i.version > w.version OR (i.version = w.version AND w.approved AND NOT i.approved))
"""

_LOCK_KNOWN = f"""
SELECT count(*) FROM (
    SELECT 1 FROM work_item w JOIN incoming_item i ON i.id = w.id
    WHERE {_NEWER} ORDER BY w.id FOR NO KEY UPDATE OF w
) locked
"""

_JUDGE = f"""
UPDATE incoming_item i SET outcome = CASE
    WHEN i.approved_quantity < w.approved_quantity THEN 'reduced'
    WHEN i.body - 'version' IS DISTINCT FROM w.body - 'version' THEN 'changed'
    ELSE 'same' END
FROM work_item w WHERE w.id = i.id AND {_NEWER}
"""

_CHANGED: Final = [column for column in _COLUMNS if column not in ("id", "source", "kind")]

_UPDATE_OLDER = f"""
UPDATE work_item w SET
    revision = w.revision + CASE i.outcome WHEN 'same' THEN 0 ELSE 1 END,
    stored_at = now(), {", ".join(f"{column} = i.{column}" for column in _CHANGED)}
FROM incoming_item i WHERE i.id = w.id AND i.outcome IS NOT NULL
"""

_COUNT = """
SELECT count(*) FILTER (WHERE outcome = 'reduced' AND b.recall_pending > 0) AS after_billing,
       count(*) FILTER (WHERE outcome = 'reduced' AND b.recall_pending = 0
                              AND i.approved_quantity = 0) AS recalled,
       count(*) FILTER (WHERE outcome = 'changed') + count(*) FILTER (
           WHERE outcome = 'reduced' AND b.recall_pending = 0 AND i.approved_quantity > 0
       ) AS changed
FROM incoming_item i JOIN work_item_balance b ON b.item_id = i.id WHERE outcome IS NOT NULL
"""

_PROPOSE_CREDITS = """
INSERT INTO credit_proposal AS p (item_id, quantity, reason)
SELECT b.item_id, b.recall_pending, 'recalled after billing'
FROM incoming_item i JOIN work_item_balance b ON b.item_id = i.id
WHERE i.outcome IS NOT NULL AND b.recall_pending > 0
ON CONFLICT (item_id) WHERE state = 'open' DO UPDATE SET quantity = excluded.quantity
"""

_WITHDRAW_CREDITS = """
UPDATE credit_proposal p SET state = 'withdrawn', closed_at = now()
FROM incoming_item i JOIN work_item_balance b ON b.item_id = i.id
WHERE p.item_id = i.id AND p.state = 'open' AND i.outcome IS NOT NULL AND b.recall_pending = 0
"""

_RECALLED_PROJECTS = """
SELECT project_system, project_kind, project_id, count(*) AS items
FROM incoming_item i JOIN work_item_balance b ON b.item_id = i.id
WHERE i.outcome = 'reduced' AND b.recall_pending > 0
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


async def upsert_items(connection: AsyncConnection, items: Sequence[Item]) -> ItemsStored:
    """Store each item's newest version; every item is counted once.

    A version that is not newer than the stored one changes nothing. Raises RuleViolation for an
    approved item without the time of its approval.
    """
    if not items:
        return ItemsStored()
    newest = _newest(items)
    await connection.execute(text(_INCOMING))
    await connection.execute(text("DELETE FROM incoming_item"))
    await copy_rows(connection, "incoming_item", _COLUMNS, _records(newest))
    new = (await connection.execute(text(_INSERT_NEW))).rowcount
    if new < len(newest):
        return await _update_known(connection, len(items), new)
    return ItemsStored(new=new, unchanged=len(items) - new)


async def upsert_recalled_or_approved(
    connection: AsyncConnection,
    event: TimeApproved | TimeRecalled | ExpenseApproved | ExpenseRecalled,
) -> ItemsStored:
    """The items of an event; what is recalled is not approved, whatever the item itself says."""
    items: Sequence[Item] = event.items
    if isinstance(event, TimeRecalled | ExpenseRecalled):
        items = [item.model_copy(update={"approved": False}) for item in items]
    return await upsert_items(connection, items)


async def _update_known(connection: AsyncConnection, total: int, new: int) -> ItemsStored:
    for statement in (_LOCK_KNOWN, _JUDGE, _UPDATE_OLDER):
        await connection.execute(text(statement))
    counted = (await connection.execute(text(_COUNT))).one()
    await connection.execute(text(_WITHDRAW_CREDITS))
    if counted.after_billing:
        await connection.execute(text(_PROPOSE_CREDITS))
        await _raise_cases(connection)
    return ItemsStored(
        new=new,
        changed=counted.changed,
        recalled=counted.recalled,
        recalled_after_billing=counted.after_billing,
        unchanged=total - new - counted.changed - counted.recalled - counted.after_billing,
    )


async def _raise_cases(connection: AsyncConnection) -> None:
    """One case per project, not one per entry; the proposals name the entries."""
    for row in await connection.execute(text(_RECALLED_PROJECTS)):
        project = f"{row.project_system}/{row.project_kind}/{row.project_id}"
        process = f"credit-proposals/{project}"
        await trail.open_case(
            connection,
            Case(
                id=case_id(process, "RecalledAfterBilling", project),
                process=process,
                cause="RecalledAfterBilling",
                subject=f"project {project}",
                owner=Role.FINANCE,
                message=f"{row.items} billed entries are no longer approved as billed",
                next_step="Decide on the credit proposals, or have the entries approved again.",
            ),
        )


def _newest(items: Sequence[Item]) -> dict[str, Item]:
    """The newest version of each item (a page may hold several), by our id."""
    newest: dict[str, Item] = {}
    for item in items:
        known = newest.get(item.id)
        if known is None or _rank(known) < _rank(item):
            newest[item.id] = item
    return newest


def _rank(item: Item) -> tuple[datetime, bool]:
    return item.version, not item.approved


def _records(items: dict[str, Item]) -> Iterator[Iterable[object]]:
    """Rows for COPY, made while they are sent: memory stays flat."""
    for identity, item in items.items():
        if item.approved and item.approved_at is None:
            raise RuleViolation(
                f"{item.kind} {item.source}/{item.external_id} is approved, but not since when; "
                "the source must send the time of approval"
            )
        cost = item.cost if isinstance(item, Expense) else None
        counts = item.approved and item.billable
        yield (
            identity,
            item.source,
            item.kind,
            item.external_id,
            item.version,
            item.project.system,
            item.project.kind,
            item.project.id,
            item.work_date,
            item.approved,
            item.approved_at,
            item.quantity,
            item.quantity if counts else Decimal(0),
            cost.amount if cost is not None else Decimal(0),
            cost.currency if cost is not None else None,
            _JSON.dump_json(item).decode(),
        )
