"""Time and expenses: pulled by cursor into the store, and proven complete before a billing run."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime
from temporalio import activity

from canonical.base import Noun
from canonical.errors import SourceIncomplete
from canonical.events import DealClosed
from canonical.ids import EngagementId, ExternalRef
from canonical.periods import Period, last_day
from canonical.ports import Crm, TimeSource
from canonical.records import EngagementRecords, EventRecords, ItemsStored, WorkRecords
from canonical.work import Expense, SourceTotals, TimeEntry

ITEMS_FEED = "items"
DEALS_FEED = "deals"

PAGES_PER_PULL_MAX = 2_000
"""Then the activity ends; the next pull goes on from the cursor."""

PUSH_CHECKS = 10
PUSH_CHECK_EVERY_S = 1.0
"""A pushed total may still be on its way through the inbox when the cut-off is heard."""

RECORDED_EARLY = timedelta(days=366)
"""Work that people recorded before the agreed start is looked for too: the run then names it."""

Kind = Literal["time", "expense"]


class Pull(Noun):
    """One system's feed, read from its cursor on."""

    system: str


class Pulled(Noun):
    pages: int = 0
    new: int = 0
    changed: int = 0
    recalled: int = 0


class ProveComplete(Noun):
    """Up to which work date and approval instant a source must agree with the store."""

    engagement_id: EngagementId
    period: Period
    cutoff: AwareDatetime


class ProvePushed(Noun):
    """The proof to be had of a source that pushes."""

    system: str
    proof: ProveComplete


class Completeness(Noun):
    """Count and sums on which source and store agree."""

    time: SourceTotals | None = None
    expense: SourceTotals | None = None


class SourceActivities:
    """Runs on the task queue of a source that is pulled."""

    def __init__(
        self, system: str, source: TimeSource, work: WorkRecords, records: EngagementRecords
    ) -> None:
        self._system, self._source = system, source
        self._work, self._records = work, records

    @activity.defn
    async def pull_items(self, request: Pull) -> Pulled:
        """Read the change feed from its cursor; the cursor moves with the items it stands for."""
        cursor = await self._work.cursor(self._system, ITEMS_FEED)
        pulled = Pulled()
        async for page in self._source.changes_since(cursor):
            feed = (self._system, ITEMS_FEED, page.cursor)
            stored = await self._work.store_items(page.items, feed=feed)
            pulled = _added(pulled, stored)
            if pulled.pages >= PAGES_PER_PULL_MAX:
                break
        return pulled

    @activity.defn
    async def prove_pulled(self, request: ProveComplete) -> Completeness:
        """Sweep the source's items of the project (which heals what the feed left out), then
        compare
        count and sums. Raises SourceIncomplete while they differ."""
        plan, _ = await self._records.plan(request.engagement_id)
        project = await self._records.reference(plan.id, self._system)
        if project is None:
            raise SourceIncomplete(f"project {plan.code} has no record in {self._system}")
        last = last_day(request.period)
        first = min(plan.starts, last) - RECORDED_EARLY
        theirs = await self._swept(project, first, last, request)
        for kind in ("time", "expense"):
            ours = await self._work.totals(project, kind, first, last, request.cutoff)
            _require_equal(self._system, plan.code, theirs[kind], ours)
        return Completeness(time=theirs["time"], expense=theirs["expense"])

    async def _swept(
        self, project: ExternalRef, first: date, last: date, request: ProveComplete
    ) -> dict[Kind, SourceTotals]:
        sums: dict[Kind, SourceTotals] = {
            "time": SourceTotals(kind="time", count=0, quantity=Decimal(0)),
            "expense": SourceTotals(kind="expense", count=0, quantity=Decimal(0)),
        }
        async for items in self._source.items_of(project, first, last):
            await self._work.store_items(items)
            for item in items:
                if item.approved_at is not None and item.approved_at <= request.cutoff:
                    sums[item.kind] = _counted(sums[item.kind], item)
        return sums


class PushedSourceActivities:
    """Runs on the main queue: a source that pushes declares its totals, nothing is asked of it."""

    def __init__(self, work: WorkRecords, records: EngagementRecords) -> None:
        self._work, self._records = work, records

    @activity.defn
    async def prove_pushed(self, request: ProvePushed) -> Completeness:
        """Compare what the source declared up to the cut-off with what we hold.

        Raises SourceIncomplete while nothing is declared, or while it differs.
        """
        plan, _ = await self._records.plan(request.proof.engagement_id)
        project = ExternalRef(system=request.system, kind="project", id=plan.code)
        for _ in range(PUSH_CHECKS - 1):
            try:
                return await self._proven(project, plan.code, request.proof.cutoff)
            except SourceIncomplete:
                await asyncio.sleep(PUSH_CHECK_EVERY_S)
        return await self._proven(project, plan.code, request.proof.cutoff)

    async def _proven(self, project: ExternalRef, code: str, cutoff: datetime) -> Completeness:
        """The source speaks of everything that was approved by its own instant, whatever the work
        date: ours is counted in the same way."""
        theirs = await self._work.declared_totals(project, "expense", cutoff)
        if theirs is None or theirs.as_of is None:
            raise SourceIncomplete(
                f"{project.system} has not declared project {code} complete up to {cutoff}"
            )
        ours = await self._work.totals(project, "expense", date.min, date.max, theirs.as_of)
        _require_equal(project.system, code, theirs, ours)
        return Completeness(expense=theirs)


class DealFeedActivities:
    """Runs on the CRM's task queue: finds the won deals whose notification was lost."""

    def __init__(self, system: str, crm: Crm, work: WorkRecords, events: EventRecords) -> None:
        self._system, self._crm, self._work, self._events = system, crm, work, events

    @activity.defn
    async def pull_deals(self, request: Pull) -> Pulled:
        """Record `deal.closed` for every won deal changed since the cursor; known ones are no
        news."""
        cursor = await self._work.cursor(self._system, DEALS_FEED)
        pulled = Pulled()
        async for deals, next_cursor in self._crm.deals_won_since(cursor):
            new = 0
            for deal in deals:
                event = DealClosed(
                    id=f"sweep/{deal.reference.id}/{deal.revision}",
                    source=self._system,
                    occurred_at=deal.changed_at,
                    deal=deal.reference,
                    revision=deal.revision,
                )
                new += (await self._events.record_event(event, deal.changed_at)).new
            await self._work.note_poll(self._system, DEALS_FEED, next_cursor)
            pulled = pulled.model_copy(update={"pages": pulled.pages + 1, "new": pulled.new + new})
        return pulled


def _added(pulled: Pulled, stored: ItemsStored) -> Pulled:
    return Pulled(
        pages=pulled.pages + 1,
        new=pulled.new + stored.new,
        changed=pulled.changed + stored.changed,
        recalled=pulled.recalled + stored.recalled + stored.recalled_after_billing,
    )


def _counted(totals: SourceTotals, item: TimeEntry | Expense) -> SourceTotals:
    if not item.approved:
        return totals
    cost = item.cost.amount if isinstance(item, Expense) else Decimal(0)
    return totals.model_copy(
        update={
            "count": totals.count + 1,
            "quantity": totals.quantity + item.quantity,
            "cost": totals.cost + cost,
        }
    )


def _require_equal(system: str, code: str, theirs: SourceTotals, ours: SourceTotals) -> None:
    if (theirs.count, theirs.quantity, theirs.cost) != (ours.count, ours.quantity, ours.cost):
        raise SourceIncomplete(
            f"{system} and we differ on approved {theirs.kind} of project {code}: "
            f"{theirs.count} items, quantity {theirs.quantity}, cost {theirs.cost} there; "
            f"{ours.count} items, quantity {ours.quantity}, cost {ours.cost} here"
        )
