"""The proof that every balance is the sum of its rows, from the tables themselves."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.base import Noun
from canonical.ids import WorkItemId

DIFFERENCES_MAX: Final = 1_000

_DIFFERENCES: Final = """
SELECT w.id::text AS item_id,
       coalesce(b.billed, 0) AS billed, coalesce(t.billed, 0) AS billed_rows,
       coalesce(b.credited, 0) AS credited, coalesce(t.credited, 0) AS credited_rows,
       coalesce(b.approved, 0) AS approved,
       greatest(w.approved_quantity, coalesce(t.billed - t.credited, 0)) AS approved_rows
FROM work_item w
LEFT JOIN work_item_balance b ON b.item_id = w.id
LEFT JOIN (
    SELECT item_id,
           coalesce(sum(quantity) FILTER (WHERE credits IS NULL), 0) AS billed,
           coalesce(-sum(quantity) FILTER (WHERE credits IS NOT NULL), 0) AS credited
    FROM billing_transaction GROUP BY item_id
) t ON t.item_id = w.id
WHERE b.item_id IS NULL
   OR (b.billed, b.credited) IS DISTINCT FROM (coalesce(t.billed, 0), coalesce(t.credited, 0))
   OR b.approved <> greatest(w.approved_quantity, b.billed - b.credited)
   OR b.approved - b.recall_pending <> w.approved_quantity
ORDER BY w.id LIMIT :limit
"""


class BalanceDifference(Noun):
    """An item whose balance is not what its rows say; there must never be one."""

    item_id: WorkItemId
    billed: Decimal
    billed_rows: Decimal
    credited: Decimal
    credited_rows: Decimal
    approved: Decimal
    approved_rows: Decimal


async def balance_differences(connection: AsyncConnection) -> tuple[BalanceDifference, ...]:
    """Every item whose balance differs from its rows (the first thousand)."""
    found = await connection.execute(text(_DIFFERENCES), {"limit": DIFFERENCES_MAX})
    return tuple(BalanceDifference.model_validate(row) for row in found.mappings())
