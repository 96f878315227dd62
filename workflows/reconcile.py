"""One day of one legal entity: what we hold against what the ERP holds; differences become
cases."""

from __future__ import annotations

from temporalio import workflow

from activities.policies import BULK
from activities.reconcile import CompareDay, DayCompared, ReconcileActivities
from canonical.base import Noun
from workflows import names
from workflows.steering import Steerable, Steering


class ReconcileParams(Noun):
    day: CompareDay
    erp: str


@workflow.defn(name=names.RECONCILE)
class Reconcile(Steerable):
    """Finds, never mends: each break is a case with an owner."""

    @workflow.init
    def __init__(self, params: ReconcileParams) -> None:
        self._params = params
        day = params.day
        self.steer(Steering(), f"Reconcile {day.legal_entity} on {day.day}")

    @workflow.run
    async def run(self, params: ReconcileParams) -> DayCompared:
        compared = await self.step("Compare with the ERP", self._compare)
        await self.write_notes()
        self._at(f"Done: {compared.invoices} invoices compared, {compared.breaks} breaks")
        return compared

    async def _compare(self) -> DayCompared:
        day = self._params.day
        return await workflow.execute_activity_method(
            ReconcileActivities.compare_day,
            day,
            task_queue=names.system_queue(self._params.erp),
            summary=f"Compare clients, projects and the invoices of {day.day}",
            **BULK,
        )
