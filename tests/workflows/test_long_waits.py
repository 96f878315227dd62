"""Hours and months pass on the workflows' own clocks; nobody sleeps for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from activities.deals import DealReview
from canonical.billing import BillingRun
from canonical.errors import DataRejected, SourceIncomplete
from canonical.invoice import InvoiceState
from tests.workflows.bench import Bench
from workflows import names
from workflows.billing_cycle import RECHECK_SOURCES, BillingCycle, BillingCycleParams
from workflows.engagement import RECHECK_DEAL, Engagement, EngagementState
from workflows.intake import Feed, Intake, IntakeState
from workflows.invoice_to_cash import InvoiceToCash, InvoiceToCashParams

A_MINUTE = timedelta(minutes=1)


async def test_a_refused_deal_is_read_again_after_six_hours_and_not_before(bench: Bench) -> None:
    bench.world.reviews = [DealReview(passed=False, name="Advisory", findings=("vat_id: none",))]
    state = EngagementState(engagement_id=bench.engagement_id)
    await bench.start(Engagement.run, state, bench.engagement)
    await bench.until_page_says(bench.engagement, "the correction of the deal")
    await bench.skip(bench.engagement, RECHECK_DEAL - A_MINUTE)
    assert bench.world.count("review_deal") == 1
    await bench.skip(bench.engagement, A_MINUTE)
    await bench.until_page_says(bench.engagement, "a billing cut-off")
    assert bench.world.count("review_deal") == 2


async def test_an_incomplete_source_is_asked_each_hour_until_it_is_complete(bench: Bench) -> None:
    await bench.listen()
    bench.world.refuse["prove_pulled"] = [SourceIncomplete("9 there, 8 here")] * 2
    id = names.billing_cycle(bench.engagement_id, "2026-10", 1)
    handle = await bench.start(BillingCycle.run, _cycle(bench), id)
    for asked in (1, 2):
        await bench.until_called("prove_pulled", asked)
        await bench.until_page_says(id, "9 there, 8 here")
        assert bench.world.count("prove_pulled") == asked
        await bench.skip(id, RECHECK_SOURCES)
    await handle.result()
    assert bench.world.open_cases() == []


async def test_an_invoice_may_stay_open_for_months_and_costs_nothing_meanwhile(
    bench: Bench,
) -> None:
    invoice = bench.world.invoice(1)
    id = names.invoice_to_cash(invoice)
    params = InvoiceToCashParams(
        invoice_id=invoice,
        engagement_id=bench.engagement_id,
        headline="Invoice",
        systems=bench.world.systems,
    )
    handle = await bench.start(InvoiceToCash.run, params, id)
    await bench.until_page_says(id, "payment: 0.00 EUR")
    before = (await handle.describe()).history_length
    await bench.skip(id, timedelta(days=120))
    assert (await handle.describe()).history_length - before <= 2, "only the clock's own events"
    bench.world.invoice(1, paid="1190.00")
    await bench.nudge(id)
    assert (await handle.result()).state is InvoiceState.PAID


async def test_a_step_that_only_people_can_mend_waits_for_them_for_months(bench: Bench) -> None:
    invoice = bench.world.invoice(1)
    bench.world.refuse["post_invoice"] = [DataRejected("erp", "the period is closed")]
    id = names.invoice_to_cash(invoice)
    params = InvoiceToCashParams(
        invoice_id=invoice,
        engagement_id=bench.engagement_id,
        headline="Invoice",
        systems=bench.world.systems,
    )
    await bench.start(InvoiceToCash.run, params, id)
    await bench.until_page_says(id, "the period is closed")
    await bench.skip(id, timedelta(days=90))
    await bench.until_page_says(id, "the period is closed")
    assert bench.world.count("post_invoice") == 1


async def test_the_intake_of_a_month_reads_once_per_interval(bench: Bench) -> None:
    system = bench.world.systems.psa
    state = IntakeState(
        system=system, feeds=(Feed.ITEMS,), interval_s=timedelta(days=10).total_seconds()
    )
    id = (await bench.start(Intake.run, state, names.intake(system))).id
    await bench.until_page_says(id, "the next turn")
    await bench.skip(id, timedelta(days=31))
    await bench.until_called("pull_items", 4)
    await bench.until_page_says(id, "the next turn")
    assert bench.world.count("pull_items") == 4, "at the start, and on three of the 31 days"


def _cycle(bench: Bench) -> BillingCycleParams:
    return BillingCycleParams(
        run=BillingRun(
            engagement_id=bench.engagement_id,
            period="2026-10",
            cutoff=datetime(2026, 11, 1, tzinfo=UTC),
            run=1,
        ),
        headline="Billing 2026-10 #1 of FALK-1",
        project_code="FALK-1",
        legal_entity="NORTH-DE",
        systems=bench.world.systems,
    )
