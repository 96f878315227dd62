"""Engagement: from the closed deal to the closed engagement, with people in between."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateFailedError

from activities.billing import RunBilling
from activities.deals import DealReview
from canonical.billing import BillingPreview, RunKind
from canonical.errors import DataRejected
from tests.workflows.bench import ORDER, Bench
from workflows import names
from workflows.engagement import Engagement, EngagementState


async def started(bench: Bench) -> str:
    state = EngagementState(engagement_id=bench.engagement_id)
    await bench.start(Engagement.run, state, bench.engagement)
    return bench.engagement


async def test_a_valid_deal_is_set_up_and_the_crm_hears_that_it_is_ready(bench: Bench) -> None:
    id = await started(bench)
    page = await bench.until_page_says(id, "a billing cut-off")
    assert bench.world.told == ["crm project_ready"]
    assert "FALK-1: Advisory for Falkenstein" in page
    assert bench.world.calls.index("ensure_psa_project") < bench.world.calls.index(
        "activate_engagement"
    )


async def test_a_refused_deal_waits_for_its_correction_and_names_every_finding(
    bench: Bench,
) -> None:
    refused = DealReview(passed=False, name="Advisory", findings=("vat_id: missing", "lines: none"))
    bench.world.reviews = [refused]
    id = await started(bench)
    page = await bench.until_page_says(id, "the correction of the deal")
    assert "\n\n- vat_id: missing\n- lines: none\n" in page, "a list in Markdown"
    bench.world.tell(id, "deal.closed")
    await bench.handle(id).signal(names.NEWS)
    await bench.until_page_says(id, "a billing cut-off")
    assert bench.world.count("review_deal") == 2


async def test_each_cut_off_starts_one_billing_run_even_when_nudged_twice(bench: Bench) -> None:
    id = await started(bench)
    await bench.until_page_says(id, "a billing cut-off")
    bench.world.cut_off(id, "2026-10", run=1)
    for _ in range(2):
        await bench.handle(id).signal(names.NEWS)
    await bench.until(lambda: bench.world.count("bill_run") == 1, "one run")
    await asyncio.sleep(0.3)
    assert bench.world.count("bill_run") == 1


async def test_a_released_retention_starts_a_run_of_its_own(bench: Bench) -> None:
    id = await started(bench)
    await bench.until_page_says(id, "a billing cut-off")
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    bench.world.tell(id, "retention.released", period="2026-11", cutoff=moment, run=3)
    await bench.nudge(id)
    await bench.until_called("bill_run")
    (asked,) = bench.world.requests["bill_run"]
    assert isinstance(asked, RunBilling)
    assert (asked.run.kind, asked.run.run) == (RunKind.RETENTION_RELEASE, 3)
    assert bench.world.count("prove_pulled") == 0


async def test_a_preview_is_answered_and_can_be_looked_at_again(bench: Bench) -> None:
    id = await started(bench)
    await bench.until_page_says(id, "a billing cut-off")
    handle = bench.handle(id)
    shown = await handle.execute_update(
        names.PREVIEW_BILLING, "2026-10", result_type=BillingPreview
    )
    assert shown.run.period == "2026-10"
    assert await handle.query("billing_preview", result_type=BillingPreview) == shown
    assert bench.world.count("bill_run") == 0


async def test_a_preview_of_no_period_is_refused_before_anything_is_asked(bench: Bench) -> None:
    id = await started(bench)
    await bench.until_page_says(id, "a billing cut-off")
    for period in ("October", "2026-13", ""):
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await bench.handle(id).execute_update(names.PREVIEW_BILLING, period)
        assert "is not a billing period" in str(refused.value.cause)
    assert bench.world.count("preview_billing") == 0


async def test_there_is_no_preview_before_the_project_is_set_up(bench: Bench) -> None:
    bench.world.reviews = [DealReview(passed=False, findings=("x: y",))]
    id = await started(bench)
    await bench.until_page_says(id, "the correction of the deal")
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await bench.handle(id).execute_update(names.PREVIEW_BILLING, "2026-10")
    assert "not set up yet" in str(refused.value.cause)


async def test_it_closes_when_ordered_only_after_its_invoices_have_ended(bench: Bench) -> None:
    id = await started(bench)
    await bench.until_page_says(id, "a billing cut-off")
    bench.world.still_open = ("invoice INV-1 is not paid",)
    handle = bench.handle(id)
    await handle.signal(names.CLOSE, ORDER)
    await bench.until_page_says(id, "open work to end")
    assert bench.world.count("close_engagement") == 0
    bench.world.still_open = ()
    await handle.signal(names.SETTLED)
    await handle.result()
    assert bench.world.told[-2:] == ["crm closed", "psa closed"]


async def test_a_hold_keeps_the_next_step_from_starting_until_it_is_resumed(bench: Bench) -> None:
    bench.world.reviews = [DealReview(passed=False, findings=("x: y",))]
    id = await started(bench)
    await bench.until_page_says(id, "the correction of the deal")
    handle = bench.handle(id)
    await handle.signal(names.HOLD, ORDER)
    await handle.signal(names.NEWS)
    await bench.until_page_says(id, "a hold before")
    assert bench.world.count("review_deal") == 1
    await handle.signal(names.RESUME, ORDER)
    await bench.until_page_says(id, "a billing cut-off")


async def test_malformed_and_unknown_signals_change_nothing_and_leave_a_trace(
    bench: Bench,
) -> None:
    id = await started(bench)
    await bench.until_page_says(id, "a billing cut-off")
    handle = bench.handle(id)
    await handle.signal(names.CLOSE, "not an order")
    await handle.signal(names.CLOSE, {"by": "", "reason": "x"})
    await handle.signal(names.HOLD)
    await handle.signal(names.HOLD, args=[ORDER, ORDER])
    await handle.signal("launch_rockets", ORDER)
    await bench.until(lambda: len(bench.world.notes) >= 5, "five traces in the audit trail")
    assert [note.accepted for note in bench.world.notes] == [False] * 5
    page = await bench.until_page_says(id, "launch_rockets")
    assert "On hold" not in page
    assert await bench.status(id) is WorkflowExecutionStatus.RUNNING


async def test_a_refused_set_up_step_parks_with_a_case_and_goes_on_when_mended(
    bench: Bench,
) -> None:
    bench.world.refuse["ensure_erp_project"] = [DataRejected("erp", "no such account")]
    id = await started(bench)
    setup = names.project_setup(bench.engagement_id)
    page = await bench.until_page_says(setup, "DataRejected")
    assert "no such account" in page
    assert "finance" in page
    assert len(bench.world.open_cases()) == 1
    await bench.handle(setup).signal(names.RETRY_NOW, ORDER)
    await bench.until_page_says(id, "a billing cut-off")
    assert bench.world.open_cases() == []
    assert bench.world.count("ensure_psa_client") == 1


async def test_a_cancelled_set_up_archives_and_a_new_attempt_sets_up_again(bench: Bench) -> None:
    bench.world.refuse["ensure_erp_project"] = [DataRejected("erp", "no such account")]
    id = await started(bench)
    setup = names.project_setup(bench.engagement_id)
    await bench.until_page_says(setup, "DataRejected")
    await bench.handle(setup).cancel()
    await bench.until_page_says(id, "set-up was cancelled")
    assert bench.world.calls[-2:] == ["archive_in_erp", "archive_in_psa"]
    await bench.handle(id).signal(names.RETRY_NOW, ORDER)
    await bench.until_page_says(id, "a billing cut-off")
    assert bench.world.count("ensure_psa_project") == 2


async def test_a_cancelled_engagement_archives_and_says_so_in_the_store(bench: Bench) -> None:
    bench.world.refuse["ensure_psa_team"] = [DataRejected("psa", "unknown person")]
    id = await started(bench)
    await bench.until_page_says(names.project_setup(bench.engagement_id), "unknown person")
    await bench.handle(id).cancel()
    await bench.until(lambda: bench.world.count("cancel_engagement") == 1, "given up")
    assert bench.world.count("archive_in_psa") == 1


async def test_it_continues_as_new_with_an_open_invoice_and_loses_nothing(bench: Bench) -> None:
    """The server suggests a new run after 150 events; nudges bring it there."""
    id = await started(bench)
    await bench.until_page_says(id, "a billing cut-off")
    invoice = bench.world.invoice(1)
    bench.world.invoices_of_run = {1: (invoice,)}
    bench.world.cut_off(id, "2026-10", run=1)
    handle = bench.handle(id)
    await handle.signal(names.NEWS)
    invoice_workflow = names.invoice_to_cash(invoice)
    await bench.until_page_says(invoice_workflow, "payment: 0.00 EUR")
    first_run = (await handle.describe()).run_id
    while (await handle.describe()).run_id == first_run:
        await handle.signal(names.NEWS)
    bench.world.cut_off(id, "2026-11", run=2)
    await handle.signal(names.NEWS)
    await bench.until(lambda: bench.world.count("bill_run") == 2, "the second run")
    assert await bench.status(invoice_workflow) is WorkflowExecutionStatus.RUNNING
    bench.world.invoice(1, paid="1190.00")
    await bench.handle(invoice_workflow).signal(names.NEWS)
    await bench.handle(invoice_workflow).result()
    assert bench.world.told[-1] == "psa paid"
