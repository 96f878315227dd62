"""The whole story of one engagement: the deal agreed, the project set up, work billed, until
closed."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RawValue, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import (
    ChildWorkflowError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)

from activities.billing import BillingActivities, PreviewBilling
from activities.deals import DealActivities, DealReview, ReviewDeal, Systems
from activities.policies import STORE, VENDOR_READ
from activities.setup import EngagementActivities, SetUp
from activities.status import TellStatus
from canonical.base import Noun
from canonical.billing import BillingPreview, BillingRun, RunKind
from canonical.errors import Role
from canonical.events import News
from canonical.ids import EngagementId
from canonical.payment import BillingStage
from canonical.periods import Period, first_day
from canonical.transitions import EngagementStage
from workflows import names
from workflows.billing_cycle import BillingCycle, BillingCycleParams
from workflows.orders import NOTHING
from workflows.pace import Pace
from workflows.page import Wait, facts
from workflows.project_setup import ProjectSetup, ProjectSetupParams
from workflows.status import tell_crm, tell_everybody
from workflows.steering import Steerable, Steering, attributes

RECHECK_DEAL = timedelta(hours=6)
"""A refused deal is read again even if the notice of its correction was lost."""


RUN_KINDS = {
    "billing.cutoff": RunKind.CUTOFF,
    "retention.released": RunKind.RETENTION_RELEASE,
}
"""The news that start a billing run."""


class EngagementState(Noun):
    """Everything that survives continue-as-new. A new engagement needs nothing but its id."""

    engagement_id: EngagementId
    pace: Pace = Pace()
    stage: EngagementStage = EngagementStage.RECEIVED
    review: DealReview | None = None
    steering: Steering = Steering()
    closing: bool = False


@workflow.defn(name=names.ENGAGEMENT)
class Engagement(Steerable):
    """Lives from the closed deal to the closed engagement: months or years."""

    @workflow.init
    def __init__(self, state: EngagementState) -> None:
        self._state = state
        self.steer(state.steering, headline(state))
        self._settled = state.closing
        self._preview: BillingPreview | None = None

    @workflow.run
    async def run(self, state: EngagementState) -> None:
        try:
            if self._state.stage is EngagementStage.RECEIVED:
                await self._agree_on_the_deal()
            if self._state.stage is EngagementStage.SETTING_UP:
                await self._set_up_the_project()
                await self._tell_the_crm_it_is_ready()
            await self._bill_as_asked_until_closed()
            await self._tell_everybody_it_is_closed()
        except BaseException as error:
            if is_cancelled_exception(error):
                await self._give_up()
            raise
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.signal(name=names.SETTLED, description="An invoice of the engagement has ended.")
    def on_settled(self, ignored: RawValue = NOTHING) -> None:
        self._settled = True

    @workflow.update(name=names.PREVIEW_BILLING, description='What a run would bill now: "2026-10"')
    async def preview_billing(self, period: Period) -> BillingPreview:
        """Nothing is billed. The query `billing_preview` shows the last answer again."""
        self._preview = await workflow.execute_activity_method(
            BillingActivities.preview_billing,
            PreviewBilling(engagement_id=self._state.engagement_id, period=period),
            summary=f"Preview the billing of {period}",
            **STORE,
        )
        return self._preview

    @preview_billing.validator
    def _check_preview(self, period: Period) -> None:
        first_day(period)
        if self._state.stage is not EngagementStage.ACTIVE:
            raise ValueError("the project is not set up yet: there is nothing to bill")

    @workflow.query(name="billing_preview", description="The last preview that was asked for.")
    def billing_preview(self) -> BillingPreview | None:
        return self._preview

    # -- the deal ---------------------------------------------------------------------------------

    async def _agree_on_the_deal(self) -> None:
        """Read and validate the deal; while it is refused, wait for its correction."""
        while True:
            await self.take_news()
            review = await self.step("Validate the deal", self._review)
            if review.passed:
                break
            await self._wait_for_correction(review)
        self._change(stage=EngagementStage.SETTING_UP, review=review)
        self._headline = headline(self._state)
        self._make_findable(review)

    def _make_findable(self, review: DealReview) -> None:
        """People look for an engagement by its project and legal entity, known only now."""
        workflow.upsert_search_attributes(
            [
                names.LEGAL_ENTITY.value_set(review.legal_entity),
                names.PROJECT_CODE.value_set(review.project_code),
                names.STAGE.value_set("open"),
            ]
        )

    async def _review(self) -> DealReview:
        return await workflow.execute_activity_method(
            DealActivities.review_deal,
            ReviewDeal(engagement_id=self._state.engagement_id),
            task_queue=names.system_queue(self._state.engagement_id.split("/", 1)[0]),
            summary="Read the deal from the CRM and validate it whole",
            **VENDOR_READ,
        )

    async def _wait_for_correction(self, review: DealReview) -> None:
        wait = Wait(
            what=f"the correction of the deal {review.name!r}",
            who=Role.PROJECT_OPERATIONS.words,
            since=workflow.now(),
            # Markdown takes a list for one only after an empty line.
            why="\n\n" + "\n".join(f"- {finding}" for finding in review.findings),
            next_step="Correct the deal in the CRM; it is read again by itself, or on `retry_now`.",
        )
        await self.park(
            "Validate the deal",
            wait,
            Role.PROJECT_OPERATIONS,
            lambda: self._has_news,
            self._state.pace.lasting(RECHECK_DEAL),
        )

    # -- set-up -----------------------------------------------------------------------------------

    async def _set_up_the_project(self) -> None:
        """Run ProjectSetup to its end; after a cancelled attempt an operator orders the next
        one."""
        while not await self._attempt_set_up():
            await self._wait_for_another_attempt()
        self._change(stage=EngagementStage.ACTIVE)

    async def _attempt_set_up(self) -> bool:
        """True when it ran to its end, False when somebody cancelled it (it has archived then)."""
        await self._while_held("Set up the project")
        review = self._reviewed()
        self._wait_for_set_up()
        try:
            await workflow.execute_child_workflow(
                ProjectSetup.run,
                ProjectSetupParams(
                    engagement_id=self._state.engagement_id,
                    headline=f"Set-up of {self._headline}",
                    systems=self._systems(),
                ),
                id=names.project_setup(self._state.engagement_id),
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                search_attributes=self._attributes(),
                static_summary=f"Set up {review.project_code} for {review.client_name}",
                static_details=facts(
                    client=review.client_name,
                    project=f"{review.project_code} {review.name}",
                    legal_entity=review.legal_entity,
                    systems=f"{self._systems().psa}, {self._systems().erp}",
                ),
            )
        except ChildWorkflowError as error:
            if not is_cancelled_exception(error) or workflow.cancellation_reason() is not None:
                raise
            return False
        return True

    def _wait_for_set_up(self) -> None:
        """Set-up has a page of its own; whoever reads this one is sent there."""
        self._stage = "Set up client and project in PSA and ERP"
        self._wait = Wait(
            what=f"its set-up, workflow {names.project_setup(self._state.engagement_id)}",
            who="see the page of that workflow",
            since=workflow.now(),
        )
        self._show()

    async def _wait_for_another_attempt(self) -> None:
        self._retry = False  # an order that was meant for the attempt that has just ended
        wait = Wait(
            what="a decision: set-up was cancelled, its records are archived",
            who=Role.PROJECT_OPERATIONS.words,
            since=workflow.now(),
            next_step="`retry_now` sets up again and adopts what is there; "
            "cancel this workflow to give the engagement up.",
        )
        self._retry = False
        await self.park(
            "Set up the project", wait, Role.PROJECT_OPERATIONS, lambda: False, recheck=None
        )

    async def _tell_the_crm_it_is_ready(self) -> None:
        ready = TellStatus(
            engagement_id=self._state.engagement_id, stage=BillingStage.PROJECT_READY
        )
        await self.step(
            "Tell the CRM that the project is ready", lambda: tell_crm(self._systems(), ready)
        )

    # -- billing ----------------------------------------------------------------------------------

    async def _bill_as_asked_until_closed(self) -> None:
        """Drain the news; each cut-off starts a billing run; end when closing and nothing is
        open."""
        while not await self._may_close():
            if workflow.info().is_continue_as_new_suggested():
                await self._continue_as_new()
            if self._has_news:
                for news in await self.take_news():
                    await self._apply(news)
            else:
                await self._wait_for_news()

    async def _wait_for_news(self) -> None:
        wait = Wait(
            what="a billing cut-off, or the order to close",
            who="nobody: this is the quiet state of an active engagement",
            since=workflow.now(),
        )
        if self._state.closing:
            wait = wait.model_copy(update={"what": "open work to end, then it closes"})
        await self.wait_until(
            lambda: (
                self._has_news
                or self._settled
                or (self._close_order is not None and not self._state.closing)
                or workflow.info().is_continue_as_new_suggested()
            ),
            wait,
            "Active",
        )

    async def _apply(self, news: News) -> None:
        if news.type in RUN_KINDS:
            await self._start_billing(news)
        elif news.type == "deal.closed":
            await self.step("Compare the deal with what was set up", self._compare_deal)
        else:
            workflow.logger.warning("news without effect", extra={"type": news.type})

    async def _start_billing(self, news: News) -> None:
        await self._while_held(f"Bill {news.period}")
        review = self._reviewed()
        if news.cutoff is None:
            raise AssertionError(f"cut-off {news.event} without an instant")
        run = BillingRun(
            engagement_id=self._state.engagement_id,
            period=news.period,
            cutoff=news.cutoff,
            run=news.run,
            kind=RUN_KINDS[news.type],
        )
        try:
            await workflow.start_child_workflow(
                BillingCycle.run,
                BillingCycleParams(
                    run=run,
                    headline=f"Billing {news.period} #{news.run} of {self._headline}",
                    project_code=review.project_code,
                    legal_entity=review.legal_entity,
                    systems=self._systems(),
                    pace=self._state.pace,
                ),
                id=names.billing_cycle(self._state.engagement_id, news.period, news.run),
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                search_attributes=self._attributes(),
                static_summary=f"Bill {news.period} of {review.project_code}, run {news.run}",
                static_details=facts(
                    client=review.client_name,
                    project=f"{review.project_code} {review.name}",
                    legal_entity=review.legal_entity,
                    period=news.period,
                    cut_off=f"{news.cutoff:%Y-%m-%d %H:%M} UTC",
                ),
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.info("the run is under way already", extra={"run": news.run})

    async def _compare_deal(self) -> None:
        change = await workflow.execute_activity_method(
            DealActivities.compare_deal,
            ReviewDeal(engagement_id=self._state.engagement_id),
            task_queue=names.system_queue(self._systems().crm),
            summary="Compare the deal with what was set up",
            **VENDOR_READ,
        )
        if change.changed:
            workflow.logger.info("the deal changed after set-up; a case is open")

    # -- the end ----------------------------------------------------------------------------------

    async def _may_close(self) -> bool:
        """True when closing was ordered and no run or invoice is open; asked once per change."""
        ordered = self._close_order is not None and not self._state.closing
        if not ordered and not (self._state.closing and self._settled):
            self._settled = False
            return False
        self._settled = False
        self._change(closing=True)
        still_open = await workflow.execute_activity_method(
            EngagementActivities.open_work,
            SetUp(engagement_id=self._state.engagement_id),
            summary="Is anything open?",
            **STORE,
        )
        return not still_open and not self._has_news

    async def _tell_everybody_it_is_closed(self) -> None:
        await self.write_notes()
        await self.step("Close", self._close)
        await self.step(
            "Tell CRM and PSA that it is closed",
            lambda: tell_everybody(
                self._systems(),
                TellStatus(engagement_id=self._state.engagement_id, stage=BillingStage.CLOSED),
            ),
        )
        workflow.upsert_search_attributes([names.STAGE.value_set("closed")])
        self._at("Closed")

    async def _close(self) -> None:
        await workflow.execute_activity_method(
            EngagementActivities.close_engagement,
            SetUp(engagement_id=self._state.engagement_id),
            summary="Close the engagement in the store",
            **STORE,
        )

    async def _give_up(self) -> None:
        """Somebody cancelled the engagement: said in the store, so that later events become
        cases."""
        await workflow.execute_activity_method(
            EngagementActivities.cancel_engagement,
            SetUp(engagement_id=self._state.engagement_id),
            summary="Mark the engagement as cancelled",
            **STORE,
        )
        self._at("Cancelled")

    async def _continue_as_new(self) -> None:
        """A fresh history with the same state; unapplied events wait in the store."""
        await self.write_notes()
        await workflow.wait_condition(workflow.all_handlers_finished)
        ordered = self._close_order is not None
        self._change(steering=self._steering, closing=self._state.closing or ordered)
        workflow.continue_as_new(self._state)

    # -- state ------------------------------------------------------------------------------------

    def _change(self, **changes: object) -> None:
        self._state = self._state.model_copy(update=changes)

    def _reviewed(self) -> DealReview:
        if self._state.review is None:
            raise AssertionError("the deal was not reviewed")
        return self._state.review

    def _systems(self) -> Systems:
        systems = self._reviewed().systems
        if systems is None:
            raise AssertionError("a deal that passed names its systems")
        return systems

    def _attributes(self) -> TypedSearchAttributes:
        review = self._reviewed()
        return attributes(legal_entity=review.legal_entity, project_code=review.project_code)


def headline(state: EngagementState) -> str:
    """What people know the engagement by, as soon as the deal was read."""
    if state.review is None:
        return f"Engagement {state.engagement_id}"
    return f"{state.review.project_code}: {state.review.name} for {state.review.client_name}"
