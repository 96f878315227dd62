"""BillingCycle: no source is believed unproven, and each invoice gets a life of its own."""

from __future__ import annotations

from datetime import UTC, datetime

from temporalio.client import WorkflowExecutionStatus

from activities.billing import RunBilling
from activities.deals import Systems
from activities.sources import ProvePushed
from canonical.billing import BillingRun, RunKind
from canonical.errors import SourceIncomplete
from tests.workflows.bench import Bench
from workflows import names
from workflows.billing_cycle import BillingCycle, BillingCycleParams, BillingCycleResult
from workflows.invoice_to_cash import InvoiceToCash, InvoiceToCashParams

PERIOD = "2026-10"


async def started(
    bench: Bench, systems: Systems | None = None, kind: RunKind = RunKind.CUTOFF
) -> str:
    run = BillingRun(
        engagement_id=bench.engagement_id,
        period=PERIOD,
        cutoff=datetime(2026, 11, 1, tzinfo=UTC),
        run=1,
        kind=kind,
    )
    params = BillingCycleParams(
        run=run,
        headline="Billing 2026-10 #1 of FALK-1",
        project_code="FALK-1",
        legal_entity="NORTH-DE",
        systems=systems or bench.world.systems,
    )
    id = names.billing_cycle(bench.engagement_id, PERIOD, 1)
    return (await bench.start(BillingCycle.run, params, id)).id


async def ended(bench: Bench, id: str) -> BillingCycleResult:
    result = await bench.client.get_workflow_handle_for(BillingCycle.run, id).result()
    assert isinstance(result, BillingCycleResult)
    return result


async def test_an_incomplete_source_parks_the_run_with_a_case_until_it_is_retried(
    bench: Bench,
) -> None:
    await bench.listen()
    bench.world.refuse["prove_pulled"] = [SourceIncomplete("9 there, 8 here")]
    id = await started(bench)
    page = await bench.until_page_says(id, "9 there, 8 here")
    assert "Prove the time source complete cannot go on" in page
    assert [case.cause for case in bench.world.open_cases()] == ["SourceIncomplete"]
    assert bench.world.count("bill_run") == 0
    await bench.tell(id, names.RETRY_NOW)
    await ended(bench, id)
    assert bench.world.open_cases() == []


async def test_expenses_that_are_pushed_are_proven_by_their_declaration(bench: Bench) -> None:
    await bench.listen()
    pushed = {"expenses": bench.world.expenses_system, "expenses_are_pushed": True}
    await ended(bench, await started(bench, bench.world.systems.model_copy(update=pushed)))
    (asked,) = bench.world.requests["prove_pushed"]
    assert isinstance(asked, ProvePushed)
    assert asked.system == bench.world.expenses_system
    assert bench.world.calls.index("prove_pushed") < bench.world.calls.index("bill_run")


async def test_expenses_that_are_pulled_are_compared_with_their_own_system(bench: Bench) -> None:
    await bench.listen()
    pulled = bench.world.systems.model_copy(update={"expenses": bench.world.expenses_system})
    await ended(bench, await started(bench, pulled))
    assert bench.world.calls == ["prove_pulled", "prove_pulled", "bill_run"]


async def test_a_system_that_keeps_time_and_expenses_is_asked_once(bench: Bench) -> None:
    await bench.listen()
    both = bench.world.systems.model_copy(update={"expenses": bench.world.systems.time})
    await ended(bench, await started(bench, both))
    assert bench.world.calls == ["prove_pulled", "bill_run"]


async def test_what_the_client_kept_back_is_billed_without_asking_any_source(bench: Bench) -> None:
    await bench.listen()
    await ended(bench, await started(bench, kind=RunKind.RETENTION_RELEASE))
    assert bench.world.calls == ["bill_run"]
    (asked,) = bench.world.requests["bill_run"]
    assert isinstance(asked, RunBilling)
    assert asked.run.kind is RunKind.RETENTION_RELEASE


async def test_a_run_without_work_tells_the_engagement_that_nothing_is_open(bench: Bench) -> None:
    engagement = await bench.listen()
    result = await ended(bench, await started(bench))
    assert result.summary.invoices == ()
    assert await engagement.result() == 1


async def test_a_run_without_work_ends_even_when_its_engagement_has_gone(bench: Bench) -> None:
    result = await ended(bench, await started(bench))
    assert result.summary.transactions == 0


async def test_the_run_ends_while_each_of_its_invoices_lives_on(bench: Bench) -> None:
    invoices = (bench.world.invoice(1), bench.world.invoice(2))
    bench.world.invoices_of_run = {1: invoices}
    result = await ended(bench, await started(bench))
    assert result.summary.invoices == invoices
    for invoice in invoices:
        await bench.until_page_says(names.invoice_to_cash(invoice), "payment: 0.00 EUR")


async def test_an_invoice_that_is_under_way_already_is_not_started_again(bench: Bench) -> None:
    invoice = bench.world.invoice(1)
    bench.world.invoices_of_run = {1: (invoice,)}
    id = names.invoice_to_cash(invoice)
    params = InvoiceToCashParams(
        invoice_id=invoice,
        engagement_id=bench.engagement_id,
        headline="Invoice",
        systems=bench.world.systems,
    )
    await bench.start(InvoiceToCash.run, params, id)
    await bench.until_page_says(id, "payment: 0.00 EUR")
    await ended(bench, await started(bench))
    assert bench.world.count("post_invoice") == 1
    assert await bench.status(id) is WorkflowExecutionStatus.RUNNING
