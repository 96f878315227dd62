"""A billing run: what is approved and due becomes transactions, journals and draft invoices, all in
the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from temporalio import activity

from canonical.base import Noun
from canonical.billing import BillingPreview, BillingRun
from canonical.ids import EngagementId
from canonical.periods import Period
from canonical.records import BillingRecords, RunSummary


class RunBilling(Noun):
    run: BillingRun


class PreviewBilling(Noun):
    engagement_id: EngagementId
    period: Period


class BillingActivities:
    """Runs on the main queue."""

    def __init__(self, billing: BillingRecords, clock: Callable[[], datetime]) -> None:
        self._billing, self._clock = billing, clock

    @activity.defn
    async def bill_run(self, request: RunBilling) -> RunSummary:
        """Bill what is ready, and store drafts; all or nothing, and repeated: the same answer.

        Raises RuleViolation (with line, role, date, entry) for work that the contract cannot price.
        """
        return await self._billing.bill(request.run, self._clock())

    @activity.defn
    async def preview_billing(self, request: PreviewBilling) -> BillingPreview:
        """What a run would make now, cut to what a page can show; nothing is stored."""
        now = self._clock()
        found = await self._billing.preview(request.engagement_id, request.period, now, now)
        return brief(found)


PREVIEW_ROWS_MAX = 50
"""Rows of each table of a preview that go through a workflow's history; the CLI shows all."""


def brief(preview: BillingPreview) -> BillingPreview:
    return preview.model_copy(
        update={
            "billed": preview.billed[:PREVIEW_ROWS_MAX],
            "held": preview.held[:PREVIEW_ROWS_MAX],
            "journals": preview.journals[:PREVIEW_ROWS_MAX],
            "invoices": tuple(
                invoice.model_copy(update={"lines": invoice.lines[:PREVIEW_ROWS_MAX]})
                for invoice in preview.invoices
            ),
        }
    )
