"""What every workflow that people watch shares: steps that park, operators' orders, a status page.

A step whose activity is refused for good parks: the case is in the store (the activity's
interceptor
put it there), the workflow says what it waits for, and `retry_now` (or a re-check after a while, or
news) runs the same step again. Nothing here knows what the steps do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RawValue, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ActivityError, ApplicationError

from activities.failures import Refusal
from activities.news import NewsActivities, OrderNote, Resolution, TakeNews
from activities.policies import STORE
from canonical.base import Noun
from canonical.errors import Role
from canonical.events import News
from canonical.ids import CaseId
from workflows import names
from workflows.orders import NOTHING, Order, OrderRefused, read_order
from workflows.page import Wait, in_words, page

T = TypeVar("T")

TRACES_SHOWN_MAX = 5
NOTES_KEPT_MAX = 200
"""A flood of signals must not grow the state without end."""


class Steering(Noun):
    """The part of the state that survives continue-as-new."""

    held_by: str = ""
    news_taken: int = 0
    """How often news was taken: the token of the next taking. It survives, so tokens never
    repeat."""


class Steerable:
    """Base of a workflow class. Call `steer` from `@workflow.init`."""

    def steer(self, steering: Steering, headline: str) -> None:
        self._steering = steering
        self._headline = headline
        self._stage = "started"
        self._wait: Wait | None = None
        self._retry = False
        self._has_news = True
        """True at first: what came before this run is in the store."""
        self._close_order: Order | None = None
        self._traces: list[str] = []
        self._notes: list[OrderNote] = []
        self._parked_since: dict[str, datetime] = {}
        """By stage: a re-check that fails again does not make a wait look young."""

    # -- messages ---------------------------------------------------------------------------------

    @workflow.signal(name=names.NEWS, description="There are unapplied events in the store.")
    def on_news(self, ignored: RawValue = NOTHING) -> None:
        self._has_news = True

    @workflow.signal(name=names.HOLD, description='Start no further step: {"by", "reason"}')
    def on_hold(self, order: RawValue = NOTHING) -> None:
        accepted = self._obeyed(names.HOLD, order)
        if accepted is not None:
            self._steering = self._steering.model_copy(
                update={"held_by": f"{accepted.by}: {accepted.reason}"}
            )
            self._show()

    @workflow.signal(name=names.RESUME, description='End a hold: {"by", "reason"}')
    def on_resume(self, order: RawValue = NOTHING) -> None:
        if self._obeyed(names.RESUME, order) is not None:
            self._steering = self._steering.model_copy(update={"held_by": ""})
            self._show()

    @workflow.signal(
        name=names.RETRY_NOW, description='Run the parked step again: {"by", "reason"}'
    )
    def on_retry_now(self, order: RawValue = NOTHING) -> None:
        if self._obeyed(names.RETRY_NOW, order) is not None:
            self._retry = True

    @workflow.signal(name=names.CLOSE, description='End when nothing is open: {"by", "reason"}')
    def on_close(self, order: RawValue = NOTHING) -> None:
        accepted = self._obeyed(names.CLOSE, order)
        if accepted is not None:
            self._close_order = accepted

    @workflow.signal(dynamic=True)
    def on_unknown_signal(self, name: str, args: Sequence[RawValue]) -> None:
        known = ", ".join((names.HOLD, names.RESUME, names.RETRY_NOW, names.CLOSE))
        self._note(name[:100], "unknown", f"unknown signal; known are {known}", accepted=False)

    @workflow.query(name="status", description="What it waits for, since when, and who acts.")
    def status(self) -> str:
        return self._page()

    # -- steps ------------------------------------------------------------------------------------

    async def step(
        self,
        stage: str,
        run: Callable[[], Awaitable[T]],
        *,
        recheck: timedelta | None = None,
    ) -> T:
        """Run a step; park when it is refused for good, and run it again when told (or after
        `recheck`). The hold of an operator keeps it from starting."""
        refused: CaseId | None = None
        while True:
            await self._while_held(stage)
            self._at(stage)
            self._retry = False
            try:
                result = await run()
            except ActivityError as error:
                refusal = refusal_of(error)
                if refusal is None:
                    raise
                refused = refusal.case
                await self._park(stage, refusal, recheck)
            else:
                if refused is not None:
                    self._parked_since.pop(stage, None)
                    await self._resolve(refused, f"{stage}: done")
                return result

    async def wait_until(self, condition: Callable[[], bool], wait: Wait, stage: str) -> None:
        """Wait as long as it takes, saying for what; orders that arrive meanwhile are noted."""
        self._stage, self._wait = stage, wait
        self._show()
        while not condition():
            await workflow.wait_condition(lambda: condition() or bool(self._notes))
            await self.write_notes()
        self._wait = None

    async def take_news(self) -> Sequence[News]:
        """The unapplied events of this workflow; their token makes a lost answer harmless."""
        return await workflow.execute_activity_method(
            NewsActivities.take_news,
            self.next_taking(),
            summary="Take the news from the store",
            **STORE,
        )

    def next_taking(self) -> TakeNews:
        self._has_news = False
        taken = self._steering.news_taken + 1
        self._steering = self._steering.model_copy(update={"news_taken": taken})
        return TakeNews(process=workflow.info().workflow_id, token=str(taken))

    async def write_notes(self) -> None:
        """Put the orders of operators, obeyed or refused, into the audit trail."""
        notes, self._notes = tuple(self._notes), []
        if notes:
            await workflow.execute_activity_method(
                NewsActivities.note_orders, notes, summary="Note orders of operators", **STORE
            )

    # -- parking ----------------------------------------------------------------------------------

    async def park(
        self,
        stage: str,
        wait: Wait,
        who: Role,
        wakes: Callable[[], bool],
        recheck: timedelta | None,
    ) -> None:
        """Wait for a person, visibly; ends on `retry_now`, on `wakes`, or after `recheck`.

        An order to retry that came while the step was still ending counts: its case is known to
        people before this workflow hears of the refusal.
        """
        self._mark_attention(who)
        since = self._parked_since.setdefault(stage, wait.since)
        self._stage, self._wait = stage, wait.model_copy(update={"since": since})
        self._show()
        try:
            await workflow.wait_condition(
                lambda: self._retry or wakes(),
                timeout=recheck,
                timeout_summary=f"Check again: {stage}"[:200] if recheck else None,
            )
        except TimeoutError:
            workflow.logger.info("re-check after a while", extra={"stage": stage})
        self._retry, self._wait = False, None
        self._mark_attention(None)
        await self.write_notes()

    async def _park(self, stage: str, refusal: Refusal, recheck: timedelta | None) -> None:
        wait = Wait(
            what=f"{stage} cannot go on: {in_words(refusal.cause)} ({refusal.cause})",
            who=refusal.owner.words,
            since=workflow.now(),
            why=refusal.message,
            next_step=refusal.remedy,
        )
        await self.park(stage, wait, refusal.owner, lambda: False, recheck)

    async def _resolve(self, case: CaseId, resolution: str) -> None:
        await workflow.execute_activity_method(
            NewsActivities.resolve_case,
            Resolution(case=case, resolution=resolution),
            summary="Resolve the case of the parked step",
            **STORE,
        )

    async def _while_held(self, stage: str) -> None:
        if self._steering.held_by:
            wait = Wait(
                what=f"a hold before: {stage}",
                who=self._steering.held_by,
                since=workflow.now(),
                next_step="Send the signal `resume`.",
            )
            await self.wait_until(lambda: not self._steering.held_by, wait, stage)

    # -- the status page --------------------------------------------------------------------------

    def _at(self, stage: str) -> None:
        self._stage, self._wait = stage, None
        self._show()

    def _show(self) -> None:
        workflow.set_current_details(self._page())

    def _page(self) -> str:
        held_by = self._steering.held_by
        return page(self._headline, self._stage, self._wait, held_by, self._traces)

    def _mark_attention(self, who: Role | None) -> None:
        workflow.upsert_search_attributes(
            [
                names.NEEDS_ATTENTION.value_set(who is not None),
                names.WAITS_FOR.value_set(who.value if who is not None else "nobody"),
            ]
        )

    def _obeyed(self, name: str, raw: RawValue) -> Order | None:
        try:
            order = read_order(raw)
        except OrderRefused as error:
            self._note(name, "unknown", str(error), accepted=False)
            return None
        self._note(name, order.by, order.reason, accepted=True)
        return order

    def _note(self, order: str, actor: str, detail: str, *, accepted: bool) -> None:
        word = "ordered" if accepted else "refused"
        moment = f"{workflow.now():%Y-%m-%d %H:%M}"
        self._traces = [*self._traces, f"{moment} {order} {word} ({actor}): {detail}"]
        self._traces = self._traces[-TRACES_SHOWN_MAX:]
        if len(self._notes) < NOTES_KEPT_MAX:
            self._notes.append(
                OrderNote(
                    process=workflow.info().workflow_id,
                    order=order,
                    actor=actor,
                    detail=detail,
                    accepted=accepted,
                )
            )
        self._show()


def refusal_of(error: ActivityError) -> Refusal | None:
    """What the failure interceptor attached, or None for anything else (a cancellation)."""
    cause = error.cause
    if not isinstance(cause, ApplicationError) or not cause.details:
        return None
    return Refusal.model_validate(cause.details[0])


def attributes(*, legal_entity: str, project_code: str, stage: str = "") -> TypedSearchAttributes:
    """The search attributes that a workflow starts with (they cost nothing at the start)."""
    pairs = [
        SearchAttributePair(names.STAGE, stage),
        SearchAttributePair(names.LEGAL_ENTITY, legal_entity),
        SearchAttributePair(names.PROJECT_CODE, project_code),
    ]
    return TypedSearchAttributes([pair for pair in pairs if pair.value])
