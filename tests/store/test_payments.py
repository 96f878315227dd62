"""Payments: each counts once, an invoice is paid as they add up, and its workflow hears of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime

from canonical.ids import ExternalRef
from canonical.invoice import Invoice, InvoiceState
from canonical.money import Money
from canonical.payment import PaymentSeen
from canonical.records import PaymentsStored
from tests import builders as make
from tests.store.conftest import Store

FEED = (make.ERP, "payments/NORTH-DE", "17")
SENT_AT = datetime(2026, 12, 2, 13, tzinfo=UTC)


def payment(amount: str, number: str = "1", **changes: object) -> PaymentSeen:
    values = {
        "reference": ExternalRef(system=make.ERP, kind="account.move.line", id=number),
        "invoice": make.ERP_INVOICE,
        "amount": make.euro(amount),
        "paid_on": date(2026, 12, 20),
    }
    return PaymentSeen.model_validate({**values, **changes})


async def pay(store: Store, *payments: PaymentSeen) -> PaymentsStored:
    return await store.invoices.store_payments(payments, feed=FEED)


async def test_an_invoice_is_paid_when_its_payments_add_up(active: Store, draft: Invoice) -> None:
    await active.invoices.record_posted(draft.id, make.make_posted(draft))
    await pay(active, payment("142.40"))
    part = await active.invoices.standing(draft.id)
    assert (part.state, part.paid) == (InvoiceState.PART_PAID, make.euro("142.40"))
    await pay(active, payment("1000.00", "2"))
    whole = await active.invoices.standing(draft.id)
    assert (whole.state, whole.paid) == (InvoiceState.PAID, make.euro("1142.40"))


async def test_a_payment_seen_twice_counts_once_and_is_told_once(
    active: Store, draft: Invoice
) -> None:
    await active.invoices.record_posted(draft.id, make.make_posted(draft))
    assert await pay(active, payment("142.40")) == PaymentsStored(new=1)
    assert await pay(active, payment("142.40")) == PaymentsStored(known=1)
    news = await active.engagements.take_news(f"invoice/{draft.id}", "1")
    assert [each.type for each in news] == ["payment.received"]
    assert (await active.invoices.standing(draft.id)).paid == make.euro("142.40")
    assert await active.work.cursor(make.ERP, FEED[1]) == "17"


async def test_one_payment_fed_by_two_at_once_counts_once(active: Store, draft: Invoice) -> None:
    await active.invoices.record_posted(draft.id, make.make_posted(draft))
    await asyncio.gather(*(pay(active, payment("142.40")) for _ in range(3)))
    assert (await active.invoices.standing(draft.id)).paid == make.euro("142.40")
    assert await active.column(
        "SELECT count(*) FROM business_event WHERE type = 'payment.received'"
    ) == [1]


async def test_a_payment_heard_before_the_invoice_is_known_waits_for_it(
    active: Store, draft: Invoice
) -> None:
    assert await pay(active, payment("1142.40")) == PaymentsStored(new=1, unknown_invoice=1)
    await active.invoices.record_posted(draft.id, make.make_posted(draft))
    assert (await active.invoices.standing(draft.id)).state is InvoiceState.PAID
    (news,) = await active.engagements.take_news(f"invoice/{draft.id}", "1")
    assert news.subject == str(make.ERP_INVOICE)


async def test_a_corrected_payment_is_news_and_changes_the_sum(
    active: Store, draft: Invoice
) -> None:
    await active.invoices.record_posted(draft.id, make.make_posted(draft))
    await pay(active, payment("100.00"))
    assert await pay(active, payment("120.00")) == PaymentsStored(known=1)
    assert (await active.invoices.standing(draft.id)).paid == make.euro("120.00")
    assert len(await active.engagements.take_news(f"invoice/{draft.id}", "1")) == 2


async def test_a_payment_taken_back_becomes_a_case_because_paid_is_final(
    active: Store, draft: Invoice
) -> None:
    await active.invoices.record_posted(draft.id, make.make_posted(draft))
    await pay(active, payment("1142.40"))
    await pay(active, payment("42.40"))
    standing = await active.invoices.standing(draft.id)
    assert (standing.state, standing.paid) == (InvoiceState.PAID, make.euro("42.40"))
    assert await active.column("SELECT cause FROM exception_case") == ["PaymentTakenBack"]


async def test_a_payment_in_another_currency_is_kept_and_becomes_a_case(
    active: Store, draft: Invoice
) -> None:
    await active.invoices.record_posted(draft.id, make.make_posted(draft))
    dollars = Money(amount=make.euro("50.00").amount, currency="USD")
    await pay(active, payment("50.00").model_copy(update={"amount": dollars}))
    assert (await active.invoices.standing(draft.id)).paid == make.euro("0.00")
    assert await active.column("SELECT cause FROM exception_case") == ["PaymentCurrency"]


async def test_a_delivery_after_the_payment_is_noted_and_paid_stays_paid(
    active: Store, draft: Invoice
) -> None:
    await active.invoices.record_posted(draft.id, make.make_posted(draft))
    await pay(active, payment("1142.40"))
    await active.invoices.record_delivery(draft.id, "<a@north>", SENT_AT)
    assert (await active.invoices.standing(draft.id)).state is InvoiceState.PAID
    assert await active.invoices.delivered_as(draft.id) == "<a@north>"
