"""Where billing stands, shown to the people of CRM and PSA."""

from __future__ import annotations

from temporalio import activity

from canonical.base import Noun
from canonical.ids import EngagementId, InvoiceId
from canonical.payment import BillingStage
from canonical.ports import Crm, Psa
from canonical.records import EngagementRecords


class TellStatus(Noun):
    """Show a stage of billing, with the figures of an invoice when there is one."""

    engagement_id: EngagementId
    stage: BillingStage
    invoice_id: InvoiceId | None = None


class CrmStatusActivities:
    """Runs on the CRM's task queue."""

    def __init__(self, crm: Crm, records: EngagementRecords) -> None:
        self._crm, self._records = crm, records

    @activity.defn
    async def tell_crm(self, request: TellStatus) -> None:
        """Show the status on the deal; a newer one that is there already stays."""
        engagement = await self._records.engagement(request.engagement_id)
        status = await self._records.billing_status(
            request.engagement_id, request.invoice_id, request.stage
        )
        await self._crm.tell_status(engagement.deal, status)


class PsaStatusActivities:
    """Runs on the PSA's task queue."""

    def __init__(self, system: str, psa: Psa, records: EngagementRecords) -> None:
        self._system, self._psa, self._records = system, psa, records

    @activity.defn
    async def tell_psa(self, request: TellStatus) -> None:
        """Show the status on the project. A project that was never set up has nobody to tell."""
        plan, _ = await self._records.plan(request.engagement_id)
        project = await self._records.reference(plan.id, self._system)
        if project is None:
            activity.logger.warning("no project to tell", extra={"project": plan.code})
            return
        status = await self._records.billing_status(
            request.engagement_id, request.invoice_id, request.stage
        )
        await self._psa.tell_status(project, status)
