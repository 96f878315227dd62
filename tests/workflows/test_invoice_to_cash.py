"""InvoiceToCash: posted once, delivered, and followed to the money, whatever happens meanwhile."""

from __future__ import annotations

from typing import Any

from canonical.errors import DataRejected
from canonical.ids import InvoiceId
from canonical.invoice import InvoiceState
from canonical.records import InvoiceStanding
from tests.workflows.bench import ORDER, Bench
from workflows import names
from workflows.invoice_to_cash import InvoiceToCash, InvoiceToCashParams

WAITS = "payment: 0.00 EUR of 1,190.00 EUR received"


async def started(bench: Bench, **more: Any) -> str:
    invoice: InvoiceId = bench.world.invoice(1)
    params = InvoiceToCashParams(
        invoice_id=invoice,
        engagement_id=bench.engagement_id,
        headline="Invoice of FALK-1",
        systems=bench.world.systems,
    )
    id = names.invoice_to_cash(invoice)
    return (await bench.start(InvoiceToCash.run, params, id, **more)).id


async def ended(bench: Bench, id: str) -> InvoiceStanding:
    standing = await bench.client.get_workflow_handle_for(InvoiceToCash.run, id).result()
    assert isinstance(standing, InvoiceStanding)
    return standing


async def test_it_is_drafted_posted_delivered_and_told_before_it_waits(bench: Bench) -> None:
    id = await started(bench)
    page = await bench.until_page_says(id, WAITS)
    assert bench.world.calls[:3] == ["draft_invoice", "post_invoice", "deliver_invoice"]
    assert bench.world.told == ["crm invoiced", "psa invoiced"]
    assert "Invoice INV-1" in page
    assert "due 2026-12-01" in page


async def test_a_refused_posting_parks_with_its_owner_and_does_not_draft_again(
    bench: Bench,
) -> None:
    bench.world.refuse["post_invoice"] = [DataRejected("erp", "the period is closed")]
    id = await started(bench)
    page = await bench.until_page_says(id, "the period is closed")
    assert "**Who acts:** finance" in page
    assert bench.world.count("deliver_invoice") == 0
    await bench.tell(id, names.RETRY_NOW)
    await bench.until_page_says(id, WAITS)
    assert (bench.world.count("draft_invoice"), bench.world.count("post_invoice")) == (1, 2)


async def test_a_part_payment_is_told_and_the_rest_ends_it_and_tells_the_engagement(
    bench: Bench,
) -> None:
    engagement = await bench.listen()
    id = await started(bench)
    await bench.until_page_says(id, WAITS)
    bench.world.invoice(1, paid="500.00")
    await bench.nudge(id)
    await bench.until_page_says(id, "payment: 500.00 EUR of 1,190.00 EUR received")
    bench.world.invoice(1, paid="1190.00")
    await bench.nudge(id)
    assert (await ended(bench, id)).state is InvoiceState.PAID
    assert bench.world.told[2:] == ["crm part_paid", "psa part_paid", "crm paid", "psa paid"]
    assert await engagement.result() == 1


async def test_a_nudge_without_a_payment_tells_nobody_anything(bench: Bench) -> None:
    id = await started(bench)
    await bench.until_page_says(id, WAITS)
    followed = bench.world.count("follow_invoice")
    await bench.nudge(id)
    await bench.until_called("follow_invoice", followed + 1)
    await bench.until_page_says(id, WAITS)
    assert bench.world.told == ["crm invoiced", "psa invoiced"]


async def test_an_order_to_close_ends_it_unpaid_and_is_noted(bench: Bench) -> None:
    await bench.listen()
    id = await started(bench)
    await bench.until_page_says(id, WAITS)
    await bench.tell(id, names.CLOSE)
    standing = await ended(bench, id)
    assert standing.state is InvoiceState.DELIVERED
    assert [(note.order, note.actor) for note in bench.world.notes] == [("close", "Ada")]


async def test_a_cancelled_invoice_ends_and_nobody_is_told_of_a_payment(bench: Bench) -> None:
    await bench.listen()
    id = await started(bench)
    await bench.until_page_says(id, WAITS)
    bench.world.invoice(1, state=InvoiceState.CANCELLED)
    await bench.nudge(id)
    assert (await ended(bench, id)).state is InvoiceState.CANCELLED
    assert bench.world.told == ["crm invoiced", "psa invoiced"]


async def test_a_paid_invoice_ends_well_even_when_its_engagement_was_given_up(
    bench: Bench,
) -> None:
    id = await started(bench)
    await bench.until_page_says(id, WAITS)
    bench.world.invoice(1, paid="1190.00")
    await bench.nudge(id)
    assert (await ended(bench, id)).state is InvoiceState.PAID


async def test_an_invoice_on_hold_from_its_start_is_not_even_drafted(bench: Bench) -> None:
    id = await started(bench, start_signal=names.HOLD, start_signal_args=[ORDER])
    await bench.until_page_says(id, "a hold before: Draft the invoice")
    assert bench.world.count("draft_invoice") == 0
    await bench.tell(id, names.RESUME)
    await bench.until_page_says(id, WAITS)
