"""What pricing made of a chunk, stored: transactions by COPY, holds by one statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.billing import BillingRun, BillingTransaction, Hold, RunOutcome
from store.engine import copy_rows
from store.tables import billing_transaction, hold

_AS_THEY_ARE: Final = [
    *("id", "item_id", "item_version", "engagement_id", "run", "contract_id", "contract_version"),
    *("line_id", "portion", "kind", "source", "external_id", "work_date", "person", "person_name"),
    *("role", "task", "description", "quantity", "rate", "rate_basis", "tax_code"),
    *("currency_basis", "approved_by", "approved_at", "credits"),
]
"""Columns named as the model's fields; period, amount and currency are added."""

_COLUMNS: Final = [*_AS_THEY_ARE, "period", "amount", "currency"]


async def store_outcome(connection: AsyncConnection, run: BillingRun, outcome: RunOutcome) -> None:
    """Insert; the database refuses what would bill more than is approved."""
    await copy_transactions(connection, run, outcome.transactions)
    if outcome.holds:
        await _store_holds(connection, run, outcome.holds)


async def copy_transactions(
    connection: AsyncConnection, run: BillingRun, transactions: Sequence[BillingTransaction]
) -> None:
    """Transactions of a run, all or none; see `store.engine.copy_rows` for what it raises."""
    if transactions:
        records = (_record(run, transaction) for transaction in transactions)
        await copy_rows(connection, billing_transaction.name, _COLUMNS, records)


def _record(run: BillingRun, transaction: BillingTransaction) -> tuple[object, ...]:
    fields = transaction.__dict__
    amount = transaction.amount
    return (*(fields[name] for name in _AS_THEY_ARE), run.period, amount.amount, amount.currency)


async def _store_holds(connection: AsyncConnection, run: BillingRun, holds: Sequence[Hold]) -> None:
    """A chunk that is repeated holds the same items again: the row stays one."""
    statement = insert(hold)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["item_id", "engagement_id", "period", "run", "reason"],
            set_={"quantity": statement.excluded.quantity, "detail": statement.excluded.detail},
        ),
        [
            {
                "item_id": each.item_id,
                "engagement_id": run.engagement_id,
                "period": run.period,
                "run": run.run,
                "reason": each.reason,
                "quantity": each.quantity,
                "detail": each.detail,
            }
            for each in holds
        ],
    )
