"""One invoice: drafted, posted and delivered, then followed to the money in the bank."""

from __future__ import annotations

from temporalio import workflow

from activities.deals import Systems
from activities.invoices import DeliverInvoice, Follow, InvoiceActivities, InvoiceNews
from activities.policies import STORE, VENDOR_WRITE
from activities.posting import IssueInvoice, PostingActivities
from activities.status import TellStatus
from canonical.base import Noun
from canonical.ids import EngagementId, InvoiceId
from canonical.invoice import DraftInvoice, InvoiceState
from canonical.payment import BillingStage
from canonical.records import InvoiceStanding
from workflows import names
from workflows.page import Wait
from workflows.status import tell_engagement, tell_everybody
from workflows.steering import Steerable, Steering

ENDED = (InvoiceState.PAID, InvoiceState.CANCELLED)


class InvoiceToCashParams(Noun):
    invoice_id: InvoiceId
    engagement_id: EngagementId
    headline: str
    systems: Systems


@workflow.defn(name=names.INVOICE_TO_CASH)
class InvoiceToCash(Steerable):
    """Short history, long life: it wakes for payments and orders only."""

    @workflow.init
    def __init__(self, params: InvoiceToCashParams) -> None:
        self._params = params
        self.steer(Steering(), params.headline)

    @workflow.run
    async def run(self, params: InvoiceToCashParams) -> InvoiceStanding:
        await self.step("Draft the invoice in the ERP", self._draft)
        posted = await self.step("Post the invoice in the ERP", self._post)
        self._headline = f"Invoice {posted.number}: {posted.gross}, due {posted.due_date}"
        workflow.upsert_search_attributes([names.INVOICE_NUMBER.value_set(posted.number)])
        await self.step("Deliver the invoice", self._deliver)
        await self._tell(BillingStage.INVOICED)
        standing = await self._collect_until_settled(posted)
        await tell_engagement(params.engagement_id)
        workflow.upsert_search_attributes([names.STAGE.value_set(standing.state.value)])
        await workflow.wait_condition(workflow.all_handlers_finished)
        return standing

    async def _collect_until_settled(self, standing: InvoiceStanding) -> InvoiceStanding:
        """Each change of the paid amount is told to CRM and PSA; ends when paid, cancelled or
        closed."""
        while standing.state not in ENDED and self._close_order is None:
            if not self._has_news:
                await self._wait_for_payment(standing)
                continue
            before = standing
            standing = await self._follow()
            if standing.paid != before.paid:
                await self._tell(_stage_of(standing))
        await self.write_notes()
        self._at(f"Ended: {standing.state.value}, paid {standing.paid} of {standing.gross}")
        return standing

    async def _wait_for_payment(self, standing: InvoiceStanding) -> None:
        wait = Wait(
            what=f"payment: {standing.paid} of {standing.gross} received, due {standing.due_date}",
            who="the client",
            since=workflow.now(),
        )
        await self.wait_until(
            lambda: self._has_news or self._close_order is not None, wait, "Posted and delivered"
        )

    async def _tell(self, stage: BillingStage) -> None:
        status = TellStatus(
            engagement_id=self._params.engagement_id,
            invoice_id=self._params.invoice_id,
            stage=stage,
        )
        await self.step(
            f"Tell CRM and PSA: {stage.value}",
            lambda: tell_everybody(self._params.systems, status),
        )

    async def _draft(self) -> DraftInvoice:
        return await workflow.execute_activity_method(
            PostingActivities.draft_invoice,
            IssueInvoice(invoice_id=self._params.invoice_id),
            task_queue=names.system_queue(self._params.systems.erp),
            summary="Draft the invoice in the ERP, or adopt the draft that is there",
            **VENDOR_WRITE,
        )

    async def _post(self) -> InvoiceStanding:
        return await workflow.execute_activity_method(
            PostingActivities.post_invoice,
            IssueInvoice(invoice_id=self._params.invoice_id),
            task_queue=names.system_queue(self._params.systems.erp),
            summary="Post the bound draft; the ERP numbers it and computes the tax",
            **VENDOR_WRITE,
        )

    async def _deliver(self) -> None:
        await workflow.execute_activity_method(
            InvoiceActivities.deliver_invoice,
            DeliverInvoice(invoice_id=self._params.invoice_id),
            summary="Mail the invoice with its backup to the client",
            **VENDOR_WRITE,
        )

    async def _follow(self) -> InvoiceStanding:
        answer: InvoiceNews = await workflow.execute_activity_method(
            InvoiceActivities.follow_invoice,
            Follow(invoice_id=self._params.invoice_id, news=self.next_taking()),
            summary="Take the news of the invoice",
            **STORE,
        )
        return answer.standing


def _stage_of(standing: InvoiceStanding) -> BillingStage:
    if standing.state is InvoiceState.PAID:
        return BillingStage.PAID
    return BillingStage.PART_PAID if standing.paid else BillingStage.INVOICED
