"""One day of one legal entity: what we hold against what the ERP holds; differences become
cases."""

from __future__ import annotations

from datetime import date

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from activities.policies import BULK
from activities.reconcile import CompareDay, DayCompared, ReconcileActivities
from canonical.base import Noun
from canonical.periods import day_before
from workflows import names
from workflows.steering import Steerable, Steering

SCHEDULED_START = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
"""What the server's schedules put on the workflows that they start."""


class ReconcileParams(Noun):
    """A day, or none: then the day before the moment that the schedule names."""

    legal_entity: str
    erp: str
    time_zone: str
    day: date | None = None


@workflow.defn(name=names.RECONCILE)
class Reconcile(Steerable):
    """Finds, never mends: each break is a case with an owner."""

    @workflow.init
    def __init__(self, params: ReconcileParams) -> None:
        self._erp = params.erp
        self._day = CompareDay(
            legal_entity=params.legal_entity, day=params.day or _day_before(params)
        )
        self.steer(Steering(), f"Reconcile {params.legal_entity} on {self._day.day}")

    @workflow.run
    async def run(self, params: ReconcileParams) -> DayCompared:
        compared = await self.step("Compare with the ERP", self._compare)
        await self.write_notes()
        self._at(f"Done: {compared.invoices} invoices compared, {compared.breaks} breaks")
        return compared

    async def _compare(self) -> DayCompared:
        return await workflow.execute_activity_method(
            ReconcileActivities.compare_day,
            self._day,
            task_queue=names.system_queue(self._erp),
            summary=f"Compare clients, projects and the invoices of {self._day.day}",
            **BULK,
        )


def _day_before(params: ReconcileParams) -> date:
    """By the schedule's own time, so that a late start compares the day that was meant."""
    meant = workflow.info().typed_search_attributes.get(SCHEDULED_START) or workflow.now()
    return day_before(meant, params.time_zone)
