"""One billing run: sources proven complete, what is ready billed, invoices handed on."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.billing import BillingActivities, RunBilling
from activities.deals import Systems
from activities.policies import BULK
from activities.sources import (
    Completeness,
    ProveComplete,
    ProvePushed,
    PushedSourceActivities,
    SourceActivities,
)
from canonical.base import Noun
from canonical.billing import BillingRun, RunKind
from canonical.ids import InvoiceId
from canonical.records import RunSummary
from workflows import names
from workflows.invoice_to_cash import InvoiceToCash, InvoiceToCashParams
from workflows.pace import Pace
from workflows.page import facts
from workflows.status import tell_engagement
from workflows.steering import Steerable, Steering, attributes

RECHECK_SOURCES = timedelta(hours=1)
"""A source that is not complete is asked again by itself; the case tells people meanwhile."""


class BillingCycleParams(Noun):
    run: BillingRun
    headline: str
    project_code: str
    legal_entity: str
    systems: Systems
    pace: Pace = Pace()


class BillingCycleResult(Noun):
    summary: RunSummary


@workflow.defn(name=names.BILLING_CYCLE)
class BillingCycle(Steerable):
    """Ends when its invoices have workflows of their own; an empty run ends without any."""

    @workflow.init
    def __init__(self, params: BillingCycleParams) -> None:
        self._params = params
        self.steer(Steering(), params.headline)

    @workflow.run
    async def run(self, params: BillingCycleParams) -> BillingCycleResult:
        if params.run.kind is RunKind.CUTOFF:
            await self._prove_time_complete()
            await self._prove_expenses_complete()
        summary = await self._bill_what_is_ready()
        for invoice_id in summary.invoices:
            await self._hand_on(invoice_id, summary)
        if not summary.invoices:
            await tell_engagement(params.run.engagement_id)
        await self.write_notes()
        self._at(f"Done: {summary.transactions} transactions, {summary.held} held")
        return BillingCycleResult(summary=summary)

    async def _prove_time_complete(self) -> None:
        await self.step(
            "Prove the time source complete",
            lambda: self._prove_pulled(self._params.systems.time),
            recheck=self._params.pace.lasting(RECHECK_SOURCES),
        )

    async def _prove_expenses_complete(self) -> None:
        systems = self._params.systems
        if not systems.expenses or systems.expenses == systems.time:
            return
        prove = self._prove_pushed if systems.expenses_are_pushed else self._prove_pulled
        await self.step(
            "Prove the expense source complete",
            lambda: prove(systems.expenses),
            recheck=self._params.pace.lasting(RECHECK_SOURCES),
        )

    async def _bill_what_is_ready(self) -> RunSummary:
        return await self.step("Bill what is ready and draft the invoices", self._bill)

    async def _hand_on(self, invoice_id: InvoiceId, summary: RunSummary) -> None:
        """The invoice lives on by itself: this run ends, the invoice waits for its payments."""
        params = self._params
        try:
            await workflow.start_child_workflow(
                InvoiceToCash.run,
                InvoiceToCashParams(
                    invoice_id=invoice_id,
                    engagement_id=params.run.engagement_id,
                    headline=f"Invoice of {params.headline}",
                    systems=params.systems,
                ),
                id=names.invoice_to_cash(invoice_id),
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                search_attributes=attributes(
                    legal_entity=params.legal_entity,
                    project_code=params.project_code,
                    stage="invoicing",
                ),
                static_summary=f"Invoice {params.run.period} of {params.project_code}",
                static_details=facts(
                    billing_run=params.headline,
                    legal_entity=params.legal_entity,
                    net=str(summary.net or ""),
                ),
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.info("the invoice is under way already", extra={"id": invoice_id})

    async def _prove_pulled(self, system: str) -> Completeness:
        return await workflow.execute_activity_method(
            SourceActivities.prove_pulled,
            self._proof(),
            task_queue=names.system_queue(system),
            summary=f"Compare count and sums of approved items with {system}",
            **BULK,
        )

    async def _prove_pushed(self, system: str) -> Completeness:
        return await workflow.execute_activity_method(
            PushedSourceActivities.prove_pushed,
            ProvePushed(system=system, proof=self._proof()),
            summary=f"Compare what {system} declared with what we hold",
            **BULK,
        )

    async def _bill(self) -> RunSummary:
        run = self._params.run
        released = run.kind is RunKind.RETENTION_RELEASE
        return await workflow.execute_activity_method(
            BillingActivities.bill_run,
            RunBilling(run=run),
            summary="Bill what the client kept back"
            if released
            else f"Bill what was approved or due by {run.cutoff:%Y-%m-%d %H:%M}",
            **BULK,
        )

    def _proof(self) -> ProveComplete:
        run = self._params.run
        return ProveComplete(engagement_id=run.engagement_id, period=run.period, cutoff=run.cutoff)
