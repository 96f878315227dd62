"""The pulse of one system: its change feeds are read again and again, and cursors move."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from functools import partial

from pydantic import Field
from temporalio import workflow

from activities.invoices import PaymentFeedActivities
from activities.policies import BULK
from activities.sources import DealFeedActivities, Pull, Pulled, SourceActivities
from canonical.base import Noun
from workflows import names
from workflows.page import Wait
from workflows.steering import Steerable, Steering

RECHECK_MIN = timedelta(minutes=10)


class Feed(StrEnum):
    """What can be pulled from a system."""

    ITEMS = "items"
    DEALS = "deals"
    PAYMENTS = "payments"


class IntakeState(Noun):
    """One system instance; everything else (cursors) is in the store."""

    system: str
    feeds: tuple[Feed, ...]
    interval_s: float = Field(gt=0)
    steering: Steering = Steering()


@workflow.defn(name=names.INTAKE)
class Intake(Steerable):
    """Catches whatever notifications missed. Two Temporal actions per feed and interval."""

    @workflow.init
    def __init__(self, state: IntakeState) -> None:
        self._state = state
        self.steer(state.steering, f"Intake of {state.system}")

    @workflow.run
    async def run(self, state: IntakeState) -> None:
        while self._close_order is None:
            for feed in self._state.feeds:
                await self.step(
                    f"Read {feed.value}", partial(self._pull, feed), recheck=self._recheck()
                )
            await self._wait_for_the_next_turn()
            if workflow.info().is_continue_as_new_suggested() and self._close_order is None:
                await self._continue_as_new()
        await self.write_notes()
        self._at("Closed: nothing is pulled until the intake is started again")

    def _recheck(self) -> timedelta:
        """A feed that was refused is tried again by itself: what mends it may tell nobody."""
        return max(timedelta(seconds=self._state.interval_s), RECHECK_MIN)

    async def _wait_for_the_next_turn(self) -> None:
        self._has_news = self._retry = False
        self._wait = Wait(what="the next turn, or a nudge", who="nobody", since=workflow.now())
        self._show()
        try:
            await workflow.wait_condition(
                lambda: self._has_news or self._retry or self._close_order is not None,
                timeout=timedelta(seconds=self._state.interval_s),
                timeout_summary=f"Read {self._state.system} again",
            )
        except TimeoutError:
            self._wait = None

    async def _pull(self, feed: Feed) -> Pulled:
        request = Pull(system=self._state.system)
        queue = names.system_queue(self._state.system)
        summary = f"Read the {feed.value} of {self._state.system} from the cursor on"
        if feed is Feed.ITEMS:
            return await workflow.execute_activity_method(
                SourceActivities.pull_items, request, task_queue=queue, summary=summary, **BULK
            )
        if feed is Feed.DEALS:
            return await workflow.execute_activity_method(
                DealFeedActivities.pull_deals, request, task_queue=queue, summary=summary, **BULK
            )
        return await workflow.execute_activity_method(
            PaymentFeedActivities.pull_payments, request, task_queue=queue, summary=summary, **BULK
        )

    async def _continue_as_new(self) -> None:
        await self.write_notes()
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(self._state.model_copy(update={"steering": self._steering}))
