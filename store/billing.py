"""Billing runs: approved items are locked, priced and stored as transactions; then invoiced."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date
from typing import Final

from sqlalchemy import RowMapping, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.billing import BillingRun, BillingTransaction, RunOutcome
from canonical.contract import ContractVersion
from canonical.errors import RuleViolation
from canonical.ids import EngagementId, InvoiceId, TransactionId, WorkItemId
from canonical.invoice import Invoice
from canonical.money import Money
from canonical.records import ChunkBilled, RunSummary
from canonical.rules.context import RatedItem
from store import candidates, drafts
from store.engine import transaction
from store.outcomes import store_outcome
from store.tables import billing_run, billing_transaction, contract_version

TRANSACTIONS_PER_PAGE: Final = 2_000


class BillingStore:
    """Implements `canonical.records.BillingRecords`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def contract_versions(self, engagement_id: EngagementId) -> tuple[ContractVersion, ...]:
        """In the order of their numbers."""
        async with transaction(self._engine) as connection:
            found = await connection.scalars(
                select(contract_version.c.body)
                .where(contract_version.c.engagement_id == engagement_id)
                .order_by(contract_version.c.version)
            )
            return tuple(ContractVersion.model_validate(body) for body in found)

    async def bill_chunk(
        self,
        run: BillingRun,
        after: WorkItemId | None,
        limit: int,
        go_live: date,
        price: Callable[[Sequence[RatedItem]], RunOutcome],
    ) -> ChunkBilled:
        """See the port. `items` counts what was found, so fewer than `limit` means the end; an item
        that a recall takes away at this moment is found and not priced. A run that has its invoices
        finds nothing: what arrives after them belongs to the next run."""
        async with transaction(self._engine) as connection:
            await candidates.lock_engagement(connection, run.engagement_id)
            await _open(connection, run)
            if await _is_settled(connection, run):
                return ChunkBilled(items=0, transactions=0, held=0, last_item=None)
            found = await candidates.find(connection, run, after, limit, go_live)
            rated = await candidates.lock(connection, run, found, go_live)
            outcome = price(rated) if rated else RunOutcome()
            await store_outcome(connection, run, outcome)
        return ChunkBilled(
            items=len(found),
            transactions=len(outcome.transactions),
            held=len(outcome.holds),
            last_item=WorkItemId(found[-1]) if found else None,
        )

    async def run_transactions(
        self, run: BillingRun
    ) -> AsyncIterator[Sequence[BillingTransaction]]:
        """Pages in the order of their ids; each page is a short transaction of its own."""
        after: TransactionId | None = None
        while True:
            page = await self._page(run, after)
            if page:
                yield page
            if len(page) < TRANSACTIONS_PER_PAGE:
                return
            after = page[-1].id

    async def save_invoices(self, run: BillingRun, invoices: Sequence[Invoice]) -> None:
        """See the port; raises RuleViolation when a line is not the sum of its transactions."""
        async with transaction(self._engine) as connection:
            await candidates.lock_engagement(connection, run.engagement_id)
            for invoice in invoices:
                await drafts.save(connection, run, invoice)

    async def finish_run(self, run: BillingRun) -> RunSummary:
        """Raises RuleViolation while a transaction of the run is on no invoice."""
        async with transaction(self._engine) as connection:
            await candidates.lock_engagement(connection, run.engagement_id)
            summary = await _summary(connection, run)
            await connection.execute(text(_FINISH), _key(run))
        return summary

    async def _page(
        self, run: BillingRun, after: TransactionId | None
    ) -> tuple[BillingTransaction, ...]:
        columns = billing_transaction.c
        query = (
            select(billing_transaction)
            .where(
                columns.engagement_id == run.engagement_id,
                columns.period == run.period,
                columns.run == run.run,
            )
            .order_by(columns.id)
            .limit(TRANSACTIONS_PER_PAGE)
        )
        async with transaction(self._engine) as connection:
            found = await connection.execute(
                query if after is None else query.where(columns.id > after)
            )
            return tuple(_as_transaction(row) for row in found.mappings())


_NOT_OF_THE_MODEL: Final = frozenset({"currency", "period", "recorded_at"})

_FINISH: Final = """
UPDATE billing_run SET state = 'finished', finished_at = now()
WHERE engagement_id = :engagement_id AND period = :period AND run = :run AND state = 'open'
"""

_SETTLED: Final = """
SELECT r.state = 'finished' OR EXISTS (
    SELECT 1 FROM invoice i
    WHERE (i.engagement_id, i.period, i.run) = (r.engagement_id, r.period, r.run))
FROM billing_run r
WHERE r.engagement_id = :engagement_id AND r.period = :period AND r.run = :run
"""

_SUMMARY: Final = """
SELECT count(*) AS transactions, sum(t.amount) AS net, min(t.currency) AS currency,
       count(*) FILTER (WHERE i.transaction_id IS NULL) AS homeless
FROM billing_transaction t LEFT JOIN invoice_transaction i ON i.transaction_id = t.id
WHERE t.engagement_id = :engagement_id AND t.period = :period AND t.run = :run
"""

_INVOICES: Final = """
SELECT id FROM invoice
WHERE engagement_id = :engagement_id AND period = :period AND run = :run ORDER BY sequence, id
"""

_HELD: Final = """
SELECT count(*) FROM hold WHERE engagement_id = :engagement_id AND period = :period AND run = :run
"""


def _key(run: BillingRun) -> dict[str, str | int]:
    return {"engagement_id": run.engagement_id, "period": run.period, "run": run.run}


async def _open(connection: AsyncConnection, run: BillingRun) -> None:
    """The run's row, if its cut-off did not open it already.

    Raises RuleViolation for another cut-off under the same number.
    """
    await connection.execute(
        insert(billing_run).values(**_key(run), cutoff=run.cutoff).on_conflict_do_nothing()
    )
    cutoff = await connection.scalar(
        select(billing_run.c.cutoff).where(
            billing_run.c.engagement_id == run.engagement_id,
            billing_run.c.period == run.period,
            billing_run.c.run == run.run,
        )
    )
    if cutoff != run.cutoff:
        raise RuleViolation(
            f"run {run.run} of {run.period} for {run.engagement_id} was cut off at {cutoff}, "
            f"not at {run.cutoff}; a new cut-off needs a new run"
        )


async def _is_settled(connection: AsyncConnection, run: BillingRun) -> bool:
    return bool(await connection.scalar(text(_SETTLED), _key(run)))


async def _summary(connection: AsyncConnection, run: BillingRun) -> RunSummary:
    row = (await connection.execute(text(_SUMMARY), _key(run))).one()
    if row.homeless:
        raise RuleViolation(
            f"{row.homeless} transactions of run {run.run} of {run.period} for "
            f"{run.engagement_id} are on no invoice; save the run's invoices first"
        )
    invoices = await connection.scalars(text(_INVOICES), _key(run))
    held = await connection.scalar(text(_HELD), _key(run))
    return RunSummary(
        run=run,
        transactions=row.transactions,
        held=held or 0,
        net=None if row.net is None else Money(amount=row.net, currency=row.currency),
        invoices=tuple(InvoiceId(str(each)) for each in invoices),
    )


def _as_transaction(row: RowMapping) -> BillingTransaction:
    values = {name: value for name, value in row.items() if name not in _NOT_OF_THE_MODEL}
    values["amount"] = Money(amount=row["amount"], currency=row["currency"])
    return BillingTransaction.model_validate(values)
