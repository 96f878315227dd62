"""A billing run: approved items to transactions, transactions to draft invoices, all in the
store."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio import activity

from canonical.base import Noun
from canonical.billing import BillingRun, BillingTransaction, RunOutcome
from canonical.contract import ContractVersion
from canonical.ids import EngagementId, WorkItemId
from canonical.invoicing import build_invoice
from canonical.landscape import Landscape, LegalEntity
from canonical.rating import rate
from canonical.records import BillingRecords, EngagementRecords, RunSummary
from canonical.rules.context import RatedItem

ITEMS_PER_CHUNK = 5_000


class RunBilling(Noun):
    run: BillingRun


class BillingActivities:
    """Runs on the main queue."""

    def __init__(
        self, billing: BillingRecords, records: EngagementRecords, landscape: Landscape
    ) -> None:
        self._billing, self._records, self._landscape = billing, records, landscape

    @activity.defn
    async def rate_run(self, request: RunBilling) -> RunSummary:
        """Rate what is approved and unbilled, store transactions and draft invoices.

        Repeating it finishes what is missing and adds nothing twice. Raises RuleViolation (with
        line,
        role, date, item) for work that the contract cannot price.
        """
        run = request.run
        versions = await self._billing.contract_versions(run.engagement_id)
        entity = self._landscape.entity(versions[-1].legal_entity)
        await self._rate_items(run, versions, entity)
        transactions = [each async for page in self._billing.run_transactions(run) for each in page]
        if transactions:
            await self._invoice(run, versions[-1], entity, transactions)
        return await self._billing.finish_run(run)

    async def _rate_items(
        self, run: BillingRun, versions: tuple[ContractVersion, ...], entity: LegalEntity
    ) -> None:
        def price(items: Sequence[RatedItem]) -> RunOutcome:
            return rate(run, versions, entity, items)

        after: WorkItemId | None = None
        while True:
            chunk = await self._billing.bill_chunk(
                run, after, ITEMS_PER_CHUNK, entity.go_live, price
            )
            if chunk.items < ITEMS_PER_CHUNK:
                return
            after = chunk.last_item

    async def _invoice(
        self,
        run: BillingRun,
        version: ContractVersion,
        entity: LegalEntity,
        transactions: Sequence[BillingTransaction],
    ) -> None:
        code = await self._project_code(run.engagement_id)
        invoice = build_invoice(run, version, entity, code, transactions)
        await self._billing.save_invoices(run, [invoice])

    async def _project_code(self, engagement: EngagementId) -> str:
        plan, _ = await self._records.plan(engagement)
        return plan.code
