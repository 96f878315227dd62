"""The scenarios whose histories are kept: every workflow, every way it ends or waits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from temporalio.client import WorkflowFailureError, WorkflowHandle

from activities.deals import DealReview
from canonical.billing import BillingRun
from canonical.errors import DataRejected, SourceIncomplete, SystemRefusesUs
from canonical.ids import InvoiceId
from tests.workflows.bench import ORDER, Bench
from workflows import names
from workflows.billing_cycle import BillingCycle, BillingCycleParams
from workflows.engagement import Engagement, EngagementState
from workflows.intake import Feed, Intake, IntakeState
from workflows.invoice_to_cash import InvoiceToCash, InvoiceToCashParams
from workflows.pace import Pace
from workflows.reconcile import Reconcile, ReconcileParams
from workflows.revenue_close import RevenueClose, RevenueCloseParams

PERIOD = "2026-10"
REFUSED = DataRejected("system", "not like this")


@dataclass(frozen=True)
class Kept:
    """One history to keep: a run of a workflow, and what became of it."""

    workflow: str
    outcome: str
    id: str
    run_id: str | None = None


Scenario = Callable[[Bench], Awaitable[list[Kept]]]


# -- engagements and their set-up -----------------------------------------------------------------


async def from_deal_to_cash(bench: Bench) -> list[Kept]:
    invoice = bench.world.invoice(1)
    bench.world.invoices_of_run = {1: (invoice,)}
    pushed = {"expenses": bench.world.expenses_system, "expenses_are_pushed": True}
    bench.world.review = bench.world.review.model_copy(
        update={"systems": bench.world.systems.model_copy(update=pushed)}
    )
    await _active(bench)
    bench.world.cut_off(bench.engagement, PERIOD, run=1)
    await bench.nudge(bench.engagement)
    await _collected(bench, invoice)
    bench.world.tell(bench.engagement, "deal.closed")
    await bench.nudge(bench.engagement)
    await bench.until_called("compare_deal")
    await bench.tell(bench.engagement, names.CLOSE)
    await bench.handle(bench.engagement).result()
    return [
        Kept(names.ENGAGEMENT, "closed", bench.engagement),
        Kept(names.PROJECT_SETUP, "done", names.project_setup(bench.engagement_id)),
        Kept(names.BILLING_CYCLE, "done", names.billing_cycle(bench.engagement_id, PERIOD, 1)),
        Kept(names.INVOICE_TO_CASH, "paid", names.invoice_to_cash(invoice)),
    ]


async def a_refused_deal_is_corrected(bench: Bench) -> list[Kept]:
    bench.world.reviews = [DealReview(passed=False, name="Advisory", findings=("vat_id: none",))]
    await _started(bench)
    await bench.until_page_says(bench.engagement, "the correction of the deal")
    bench.world.tell(bench.engagement, "deal.closed")
    await bench.nudge(bench.engagement)
    await bench.until_page_says(bench.engagement, "a billing cut-off")
    await bench.tell(bench.engagement, names.CLOSE)
    await bench.handle(bench.engagement).result()
    return [Kept(names.ENGAGEMENT, "parked_and_corrected", bench.engagement)]


async def a_refused_set_up_goes_on(bench: Bench) -> list[Kept]:
    bench.world.refuse["ensure_erp_project"] = [REFUSED]
    await _started(bench)
    setup = names.project_setup(bench.engagement_id)
    await bench.until_page_says(setup, "not like this")
    await bench.tell(setup, names.RETRY_NOW)
    await bench.handle(setup).result()
    return [Kept(names.PROJECT_SETUP, "parked_and_resumed", setup)]


async def a_cancelled_set_up_is_tried_again(bench: Bench) -> list[Kept]:
    bench.world.refuse["ensure_psa_team"] = [REFUSED]
    await _started(bench)
    setup = names.project_setup(bench.engagement_id)
    await bench.until_page_says(setup, "not like this")
    cancelled = await bench.handle(setup).describe()
    await bench.handle(setup).cancel()
    await bench.until_page_says(bench.engagement, "set-up was cancelled")
    await bench.tell(bench.engagement, names.RETRY_NOW)
    await bench.until_page_says(bench.engagement, "a billing cut-off")
    return [
        Kept(names.ENGAGEMENT, "set_up_again", bench.engagement),
        Kept(names.PROJECT_SETUP, "cancelled_and_archived", setup, cancelled.run_id),
    ]


async def an_engagement_is_given_up(bench: Bench) -> list[Kept]:
    bench.world.refuse["ensure_psa_team"] = [REFUSED]
    await _started(bench)
    await bench.until_page_says(names.project_setup(bench.engagement_id), "not like this")
    await bench.handle(bench.engagement).cancel()
    with suppress(WorkflowFailureError):
        await bench.handle(bench.engagement).result()
    return [Kept(names.ENGAGEMENT, "cancelled", bench.engagement)]


async def an_engagement_is_held_and_closed_with_open_work(bench: Bench) -> list[Kept]:
    await _active(bench)
    for signal, order in ((names.HOLD, ORDER), (names.HOLD, "not an order"), ("unknown", ORDER)):
        await bench.tell(bench.engagement, signal, order)
    bench.world.cut_off(bench.engagement, PERIOD, run=1)
    await bench.nudge(bench.engagement)
    await bench.until_page_says(bench.engagement, f"a hold before: Bill {PERIOD}")
    await bench.tell(bench.engagement, names.RESUME)
    await bench.until_called("bill_run")
    bench.world.still_open = ("invoice INV-1 is not paid",)
    await bench.tell(bench.engagement, names.CLOSE)
    await bench.until_page_says(bench.engagement, "open work to end")
    bench.world.still_open = ()
    await bench.handle(bench.engagement).signal(names.SETTLED)
    await bench.handle(bench.engagement).result()
    return [Kept(names.ENGAGEMENT, "held_and_closed", bench.engagement)]


async def an_engagement_goes_on_in_a_new_run(bench: Bench) -> list[Kept]:
    await _active(bench)
    await bench.handle(bench.engagement).execute_update(names.PREVIEW_BILLING, PERIOD)
    first_run = await _until_continued(bench, bench.engagement)
    await bench.until_page_says(bench.engagement, "a billing cut-off")
    await bench.tell(bench.engagement, names.CLOSE)
    await bench.handle(bench.engagement).result()
    return [
        Kept(names.ENGAGEMENT, "continued_as_new", bench.engagement, first_run),
        Kept(names.ENGAGEMENT, "closed_in_a_later_run", bench.engagement),
    ]


# -- billing runs ---------------------------------------------------------------------------------


async def an_incomplete_source_is_retried(bench: Bench) -> list[Kept]:
    return [await _billed(bench, "parked_and_resumed", Pace(), retry=True)]


async def an_incomplete_source_is_asked_again(bench: Bench) -> list[Kept]:
    """After a second here instead of an hour."""
    return [await _billed(bench, "asked_again", Pace(seconds_per_day=1), retry=False)]


async def an_engagement_has_gone_before_its_run(bench: Bench) -> list[Kept]:
    params = _cycle(bench, Pace())
    id = names.billing_cycle(bench.engagement_id, PERIOD, 1)
    await (await bench.start(BillingCycle.run, params, id)).result()
    return [Kept(names.BILLING_CYCLE, "nobody_to_tell", id)]


async def _billed(bench: Bench, outcome: str, pace: Pace, *, retry: bool) -> Kept:
    await bench.listen()
    bench.world.refuse["prove_pulled"] = [SourceIncomplete("9 there, 8 here")]
    id = names.billing_cycle(bench.engagement_id, PERIOD, 1)
    handle = await bench.start(BillingCycle.run, _cycle(bench, pace), id)
    if retry:
        await bench.until_page_says(id, "9 there, 8 here")
        await bench.tell(id, names.RETRY_NOW)
    await handle.result()
    return Kept(names.BILLING_CYCLE, outcome, id)


def _cycle(bench: Bench, pace: Pace) -> BillingCycleParams:
    return BillingCycleParams(
        run=BillingRun(
            engagement_id=bench.engagement_id,
            period=PERIOD,
            cutoff=datetime(2026, 11, 1, tzinfo=UTC),
            run=1,
        ),
        headline="Billing 2026-10 #1 of FALK-1",
        project_code="FALK-1",
        legal_entity="NORTH-DE",
        systems=bench.world.systems,
        pace=pace,
    )


# -- invoices -------------------------------------------------------------------------------------


async def a_refused_posting_is_retried(bench: Bench) -> list[Kept]:
    await bench.listen()
    bench.world.refuse["post_invoice"] = [DataRejected("erp", "the period is closed")]
    id = await _invoiced(bench)
    await bench.until_page_says(id, "the period is closed")
    await bench.tell(id, names.RETRY_NOW)
    await bench.until_page_says(id, "payment: 0.00 EUR")
    await bench.tell(id, names.CLOSE)
    await bench.handle(id).result()
    return [Kept(names.INVOICE_TO_CASH, "parked_resumed_and_closed", id)]


async def an_invoice_is_held(bench: Bench) -> list[Kept]:
    id = await _invoiced(bench)
    await bench.until_page_says(id, "payment: 0.00 EUR")
    await bench.tell(id, names.HOLD)
    bench.world.invoice(1, paid="500.00")
    await bench.nudge(id)
    await bench.until_page_says(id, "a hold before")
    await bench.tell(id, names.RESUME)
    await bench.until_page_says(id, "payment: 500.00 EUR")
    return [Kept(names.INVOICE_TO_CASH, "held_and_waiting", id)]


async def _invoiced(bench: Bench) -> str:
    invoice = bench.world.invoice(1)
    params = InvoiceToCashParams(
        invoice_id=invoice,
        engagement_id=bench.engagement_id,
        headline="Invoice of FALK-1",
        systems=bench.world.systems,
    )
    id = names.invoice_to_cash(invoice)
    await bench.start(InvoiceToCash.run, params, id)
    return id


async def _collected(bench: Bench, invoice: InvoiceId) -> None:
    id = names.invoice_to_cash(invoice)
    for before, paid in (("0.00", "500.00"), ("500.00", "1190.00")):
        await bench.until_page_says(id, f"payment: {before} EUR")
        bench.world.invoice(1, paid=paid)
        await bench.nudge(id)
    await bench.handle(id).result()


# -- background work ------------------------------------------------------------------------------


async def an_intake_is_refused_nudged_and_closed(bench: Bench) -> list[Kept]:
    bench.world.refuse["pull_deals"] = [SystemRefusesUs("crm", "the token was revoked")]
    id = await _pulling(bench, Feed.DEALS, Feed.ITEMS, Feed.PAYMENTS)
    await bench.until_page_says(id, "the token was revoked")
    await bench.tell(id, names.RETRY_NOW)
    await bench.until_page_says(id, "the next turn")
    await bench.nudge(id)
    await bench.until_called("pull_payments", 2)
    await bench.until_page_says(id, "the next turn")
    await bench.tell(id, names.CLOSE)
    await bench.handle(id).result()
    return [Kept(names.INTAKE, "parked_nudged_and_closed", id)]


async def an_intake_goes_on_in_a_new_run(bench: Bench) -> list[Kept]:
    id = await _pulling(bench, Feed.ITEMS)
    await bench.until_page_says(id, "the next turn")
    return [Kept(names.INTAKE, "continued_as_new", id, await _until_continued(bench, id))]


async def _pulling(bench: Bench, *feeds: Feed) -> str:
    system = bench.world.systems.erp
    state = IntakeState(system=system, feeds=feeds, interval_s=3_600)
    return (await bench.start(Intake.run, state, names.intake(system))).id


async def a_day_is_reconciled(bench: Bench) -> list[Kept]:
    return [await _reconciled(bench, "done", retry=False)]


async def a_refused_reconciliation_is_retried(bench: Bench) -> list[Kept]:
    bench.world.refuse["compare_day"] = [REFUSED]
    return [await _reconciled(bench, "parked_and_resumed", retry=True)]


async def _reconciled(bench: Bench, outcome: str, *, retry: bool) -> Kept:
    params = ReconcileParams(
        legal_entity="NORTH-DE",
        erp=bench.world.systems.erp,
        time_zone="Europe/Berlin",
        day=date(2026, 3, 14) if retry else None,
    )
    id = f"reconcile/{bench.world.number}"
    handle = await bench.start(Reconcile.run, params, id)
    if retry:
        await bench.until_page_says(id, "not like this")
        await bench.tell(id, names.RETRY_NOW)
    await handle.result()
    return Kept(names.RECONCILE, outcome, id)


# -- revenue --------------------------------------------------------------------------------------


async def a_period_is_closed_twice(bench: Bench) -> list[Kept]:
    """The second time nothing is left to send."""
    first = await _closed_period(bench)
    return [
        Kept(names.REVENUE_CLOSE, "posted", first.id, first.run_id),
        Kept(names.REVENUE_CLOSE, "nothing_left", first.id, (await _closed_period(bench)).run_id),
    ]


async def a_refused_entry_is_retried(bench: Bench) -> list[Kept]:
    await bench.world.closing.seal()
    bench.world.closing.erp.closed_until = date(2026, 10, 31)
    bench.world.closing.books.refuses["C-2"] = [REFUSED]
    handle = await _period_being_closed(bench)
    await bench.until_page_says(handle.id, "contracts cannot be closed")
    await bench.tell(handle.id, names.RETRY_NOW)
    await bench.until_page_says(handle.id, "is closed")
    bench.world.closing.erp.closed_until = date.min
    await bench.tell(handle.id, names.RETRY_NOW)
    await handle.result()
    return [Kept(names.REVENUE_CLOSE, "parked_and_resumed", handle.id)]


async def an_entry_that_the_erp_changed_is_left(bench: Bench) -> list[Kept]:
    bench.world.closing.erp.books_elsewhere = {"4000": "4999"}
    handle = await _period_being_closed(bench)
    await bench.until_page_says(handle.id, "is not what was sealed")
    await bench.tell(handle.id, names.CLOSE)
    await handle.result()
    return [Kept(names.REVENUE_CLOSE, "differs_and_closed", handle.id)]


async def _closed_period(bench: Bench) -> Kept:
    handle = await _period_being_closed(bench)
    await handle.result()
    return Kept(names.REVENUE_CLOSE, "", handle.id, handle.result_run_id)


async def _period_being_closed(bench: Bench) -> WorkflowHandle[Any, Any]:
    params = RevenueCloseParams(legal_entity="NORTH-DE", period=PERIOD, erp=bench.world.systems.erp)
    return await bench.start(RevenueClose.run, params, f"revenue/{bench.world.number}")


# -- shared ---------------------------------------------------------------------------------------


async def _started(bench: Bench) -> None:
    state = EngagementState(engagement_id=bench.engagement_id)
    await bench.start(Engagement.run, state, bench.engagement)


async def _active(bench: Bench) -> None:
    await _started(bench)
    await bench.until_page_says(bench.engagement, "a billing cut-off")


async def _until_continued(bench: Bench, id: str) -> str:
    """Nudge until the server's suggestion was taken; the id of the run that ended."""
    first_run = (await bench.handle(id).describe()).run_id
    while (await bench.handle(id).describe()).run_id == first_run:
        await bench.nudge(id)
    return first_run


SCENARIOS: tuple[Scenario, ...] = (
    from_deal_to_cash,
    a_refused_deal_is_corrected,
    a_refused_set_up_goes_on,
    a_cancelled_set_up_is_tried_again,
    an_engagement_is_given_up,
    an_engagement_is_held_and_closed_with_open_work,
    an_engagement_goes_on_in_a_new_run,
    an_incomplete_source_is_retried,
    an_incomplete_source_is_asked_again,
    an_engagement_has_gone_before_its_run,
    a_refused_posting_is_retried,
    an_invoice_is_held,
    an_intake_is_refused_nudged_and_closed,
    an_intake_goes_on_in_a_new_run,
    a_day_is_reconciled,
    a_refused_reconciliation_is_retried,
    a_period_is_closed_twice,
    a_refused_entry_is_retried,
    an_entry_that_the_erp_changed_is_left,
)
