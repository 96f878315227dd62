"""Steering: what operators order is obeyed at the next step, noted, and never piles up."""

from __future__ import annotations

import asyncio

import pytest

from canonical.errors import DataRejected
from tests.workflows.bench import ORDER, Bench
from workflows import names
from workflows.invoice_to_cash import InvoiceToCash, InvoiceToCashParams
from workflows.steering import NOTES_KEPT_MAX, TRACES_SHOWN_MAX

WAITS = "payment: 0.00 EUR"

REFUSED = [
    pytest.param(names.HOLD, ["freeze"], "Input should be", id="text"),
    pytest.param(names.HOLD, [{"by": "Ada"}], "reason: Field required", id="no reason"),
    pytest.param(names.RESUME, [{"by": "", "reason": "x"}], "by: String should", id="nobody"),
    pytest.param(names.CLOSE, [ORDER, ORDER], "Input should be", id="two inputs"),
    pytest.param(names.RETRY_NOW, [], "the signal had no input", id="no input"),
    pytest.param("explode", [ORDER], "unknown signal; known are hold, resume", id="unknown"),
]


async def waiting(bench: Bench) -> str:
    """An invoice that waits for its payment."""
    invoice = bench.world.invoice(1)
    params = InvoiceToCashParams(
        invoice_id=invoice,
        engagement_id=bench.engagement_id,
        headline="Invoice of FALK-1",
        systems=bench.world.systems,
    )
    id = names.invoice_to_cash(invoice)
    await bench.start(InvoiceToCash.run, params, id)
    await bench.until_page_says(id, WAITS)
    return id


@pytest.mark.parametrize(("signal", "inputs", "reason"), REFUSED)
async def test_a_malformed_order_is_refused_with_its_reason(
    bench: Bench, signal: str, inputs: list[object], reason: str
) -> None:
    id = await waiting(bench)
    await bench.handle(id).signal(signal, args=inputs)
    await bench.until(lambda: len(bench.world.notes) == 1, "the refusal in the audit trail")
    (note,) = bench.world.notes
    assert (note.order, note.accepted) == (signal, False)
    assert reason in note.detail
    assert WAITS in await bench.until_page_says(id, f"{signal} refused")


async def test_an_order_says_who_and_why_on_the_page_and_in_the_audit_trail(bench: Bench) -> None:
    id = await waiting(bench)
    await bench.tell(id, names.HOLD, {"by": "Ada", "reason": "credit check"})
    await bench.until_page_says(id, "**On hold** by Ada: credit check")
    await bench.until(lambda: len(bench.world.notes) == 1, "the order in the audit trail")
    assert bench.world.notes[0].detail == "credit check"


async def test_a_hold_while_it_waits_keeps_the_next_step_from_starting(bench: Bench) -> None:
    await bench.listen()
    id = await waiting(bench)
    await bench.tell(id, names.HOLD)
    bench.world.invoice(1, paid="1190.00")
    await bench.nudge(id)
    await bench.until_page_says(id, "a hold before: Tell CRM and PSA: paid")
    assert "crm paid" not in bench.world.told
    await bench.tell(id, names.RESUME)
    await bench.handle(id).result()
    assert bench.world.told[-1] == "psa paid"


async def test_a_retry_that_comes_before_anything_is_parked_is_not_kept_for_later(
    bench: Bench,
) -> None:
    id = await waiting(bench)
    await bench.tell(id, names.RETRY_NOW)
    await bench.until(lambda: len(bench.world.notes) == 1, "the order in the audit trail")
    bench.world.refuse["tell_crm"] = [DataRejected("crm", "locked")]
    bench.world.invoice(1, paid="500.00")
    await bench.nudge(id)
    await bench.until_page_says(id, "locked")
    assert bench.world.count("tell_crm") == 2


async def test_a_retry_that_overtakes_the_news_of_the_refusal_is_obeyed(bench: Bench) -> None:
    """The case is in the store before the workflow hears of the refusal, and people are quick."""
    id = await waiting(bench)
    bench.world.refuse["tell_crm"] = [DataRejected("crm", "locked")]
    bench.world.before_refusal = lambda: bench.tell(id, names.RETRY_NOW)
    bench.world.invoice(1, paid="500.00")
    await bench.nudge(id)
    await bench.until(lambda: "psa part_paid" in bench.world.told, "the step to run again")
    assert bench.world.count("tell_crm") == 3


async def test_a_flood_of_signals_is_noted_up_to_a_limit_and_shown_up_to_another(
    bench: Bench,
) -> None:
    bench.world.refuse["deliver_invoice"] = [DataRejected("mail", "no such mailbox")]
    invoice = bench.world.invoice(1)
    params = InvoiceToCashParams(
        invoice_id=invoice,
        engagement_id=bench.engagement_id,
        headline="Invoice",
        systems=bench.world.systems,
    )
    id = names.invoice_to_cash(invoice)
    await bench.start(InvoiceToCash.run, params, id)
    await bench.until_page_says(id, "no such mailbox")
    flood = (bench.handle(id).signal("flood", number) for number in range(NOTES_KEPT_MAX + 20))
    await asyncio.gather(*flood)
    page = await bench.until_page_says(id, "flood refused")
    assert page.count("flood refused") <= TRACES_SHOWN_MAX
    await bench.tell(id, names.RETRY_NOW)
    await bench.until_page_says(id, WAITS)
    assert len(bench.world.notes) == NOTES_KEPT_MAX
