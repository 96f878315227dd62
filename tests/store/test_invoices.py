"""Invoices from draft to paid: one number, one document, paid as its payments add up."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime

import pytest
import pytest_asyncio

from canonical.errors import RecordExists, RecordMissing, RuleViolation, TransitionForbidden
from canonical.ids import ExternalRef, InvoiceId, derive
from canonical.invoice import Invoice, InvoiceState
from canonical.invoicing import build_invoice
from canonical.money import Money
from canonical.payment import PaymentSeen
from canonical.records import PaymentsStored
from canonical.transitions import PostingState
from canonical.work import Expense, TimeEntry
from tests import builders as make
from tests.store.conftest import Store

FEED = (make.ERP, "payments/NORTH-DE", "17")
SENT_AT = datetime(2026, 12, 2, 13, tzinfo=UTC)
OTHER_DOCUMENT = ExternalRef(system=make.ERP, kind="account.invoice", id="72")


@pytest_asyncio.fixture
async def draft(active: Store) -> Invoice:
    """One entry of 960.00 EUR net, 1142.40 EUR gross, on a saved draft."""
    await active.work.store_items([make.make_time_entry()])
    run = make.make_run()
    await active.bill(run)
    made = [each async for page in active.billing.run_transactions(run) for each in page]
    agreement = make.make_agreement()
    invoice = build_invoice(run, agreement.contract, make.make_entity(), agreement.plan.code, made)
    await active.billing.save_invoices(run, [invoice])
    return invoice


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


# -- postings --------------------------------------------------------------------------------------


async def test_a_posting_is_prepared_once(store: Store) -> None:
    first = await store.invoices.open_posting("F-1", make.ERP)
    assert first == await store.invoices.open_posting("F-1", make.ERP)
    assert (first.state, first.reference, first.attempts) == (PostingState.PREPARED, None, 0)
    with pytest.raises(RuleViolation, match="a key of its own"):
        await store.invoices.open_posting("F-1", make.PSA)


async def test_of_two_holders_that_advance_a_posting_one_is_told_that_it_was_slower(
    store: Store,
) -> None:
    await store.invoices.open_posting("F-1", make.ERP)
    advance = store.invoices.advance_posting
    results = await asyncio.gather(
        *(advance("F-1", PostingState.PREPARED, PostingState.SENT) for _ in range(4))
    )
    assert sorted(results) == [False, False, False, True]
    assert (await store.invoices.open_posting("F-1", make.ERP)).attempts == 1


async def test_a_posting_takes_only_the_ways_of_its_table(store: Store) -> None:
    await store.invoices.open_posting("F-1", make.ERP)
    with pytest.raises(TransitionForbidden):
        await store.invoices.advance_posting("F-1", PostingState.CONFIRMED, PostingState.SENT)


async def test_of_two_documents_bound_at_once_the_first_wins_for_both(store: Store) -> None:
    await store.invoices.open_posting("F-1", make.ERP)
    bound = await asyncio.gather(
        store.invoices.bind_posting("F-1", make.ERP_INVOICE),
        store.invoices.bind_posting("F-1", OTHER_DOCUMENT),
    )
    assert bound[0] == bound[1]
    posting = await store.invoices.open_posting("F-1", make.ERP)
    assert (posting.state, posting.reference) == (PostingState.ADOPTED, bound[0])


async def test_a_document_is_bound_to_one_key(store: Store) -> None:
    for key in ("F-1", "F-2"):
        await store.invoices.open_posting(key, make.ERP)
    await store.invoices.bind_posting("F-1", make.ERP_INVOICE)
    with pytest.raises(RecordExists, match="bound to another key"):
        await store.invoices.bind_posting("F-2", make.ERP_INVOICE)


async def test_a_key_that_was_never_opened_cannot_be_bound(store: Store) -> None:
    with pytest.raises(RuleViolation, match="never opened"):
        await store.invoices.bind_posting("F-9", make.ERP_INVOICE)


# -- posted, delivered -----------------------------------------------------------------------------


async def test_what_the_erp_booked_is_kept_and_its_posting_confirmed(
    active: Store, draft: Invoice
) -> None:
    await active.invoices.open_posting(draft.key, make.ERP)
    await active.invoices.bind_posting(draft.key, make.ERP_INVOICE)
    for _ in range(2):
        await active.invoices.record_posted(draft.id, make.make_posted(draft))
    standing = await active.invoices.standing(draft.id)
    assert (standing.state, standing.number) == (InvoiceState.POSTED, "2026/0007")
    assert (standing.gross, standing.due_date) == (make.euro("1142.40"), date(2027, 1, 1))
    posting = await active.invoices.open_posting(draft.key, make.ERP)
    assert posting.state is PostingState.CONFIRMED
    assert await active.engagements.reference(draft.id, make.ERP) == make.ERP_INVOICE
    assert await active.column(
        "SELECT count(*) FROM audit_event WHERE action = 'posting.confirmed'"
    ) == [1]


async def test_the_erp_owns_the_figures_of_what_is_owed(active: Store, draft: Invoice) -> None:
    booked = {"tax": make.euro("182.41"), "gross": make.euro("1142.41")}
    await active.invoices.record_posted(draft.id, make.make_posted(draft, **booked))
    assert (await active.invoices.standing(draft.id)).gross == make.euro("1142.41")
    assert (await active.invoices.invoice(draft.id)).gross == make.euro("1142.40")
    await pay(active, payment("1142.40"))
    assert (await active.invoices.standing(draft.id)).state is InvoiceState.PART_PAID


async def test_a_number_never_changes(active: Store, draft: Invoice) -> None:
    await active.invoices.record_posted(draft.id, make.make_posted(draft))
    renumbered = make.make_posted(draft, number="2026/0008")
    with pytest.raises(RuleViolation, match="which document is ours"):
        await active.invoices.record_posted(draft.id, renumbered)


async def test_a_document_that_is_not_posted_is_no_posted_invoice(
    active: Store, draft: Invoice
) -> None:
    with pytest.raises(RuleViolation, match="post it first"):
        await active.invoices.record_posted(draft.id, make.make_posted(draft, posted=False))


async def test_the_first_delivery_counts(active: Store, draft: Invoice) -> None:
    await active.invoices.record_posted(draft.id, make.make_posted(draft))
    assert await active.invoices.delivered_as(draft.id) == ""
    for message in ("<a@north>", "<b@north>"):
        await active.invoices.record_delivery(draft.id, message, SENT_AT)
    assert await active.invoices.delivered_as(draft.id) == "<a@north>"
    assert (await active.invoices.standing(draft.id)).state is InvoiceState.DELIVERED


async def test_a_draft_is_never_delivered(active: Store, draft: Invoice) -> None:
    with pytest.raises(TransitionForbidden):
        await active.invoices.record_delivery(draft.id, "<a@north>", SENT_AT)


async def test_an_unknown_invoice_is_said_to_be_missing(store: Store) -> None:
    unknown = InvoiceId(derive("invoice", "unknown"))
    with pytest.raises(RecordMissing, match="check the id"):
        await store.invoices.standing(unknown)


async def test_the_backup_lists_every_transaction_by_work_date(active: Store) -> None:
    items: list[TimeEntry | Expense] = [
        make.make_time_entry("t-2", work_date=date(2026, 11, 17)),
        make.make_time_entry("t-1"),
        make.make_expense(),
    ]
    await active.work.store_items(items)
    await active.bill()
    run, agreement = make.make_run(), make.make_agreement()
    made = [each async for page in active.billing.run_transactions(run) for each in page]
    code = agreement.plan.code
    draft = build_invoice(run, agreement.contract, make.make_entity(), code, made)
    await active.billing.save_invoices(run, [draft])
    rows = [row async for page in active.invoices.backup_rows(draft.id) for row in page]
    assert [(row.work_date.day, row.unit, row.amount) for row in rows] == [
        (5, "h", make.euro("960.00")),
        (6, "unit", make.euro("94.40")),
        (17, "h", make.euro("1120.00")),
    ]


# -- payments --------------------------------------------------------------------------------------


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


async def test_reconciliation_sees_what_was_booked_on_the_day(
    active: Store, draft: Invoice
) -> None:
    await active.invoices.record_posted(draft.id, make.make_posted(draft))
    (ours,) = await active.reconcile.invoices_dated(make.ENTITY, date(2026, 12, 2))
    assert (ours.key, ours.number, ours.reference) == (draft.key, "2026/0007", make.ERP_INVOICE)
    assert (ours.net, ours.tax, ours.gross) == (draft.net, draft.tax, draft.gross)
    assert await active.reconcile.invoices_dated(make.ENTITY, date(2026, 12, 3)) == []


async def test_open_work_names_what_keeps_an_engagement_from_closing(
    active: Store, draft: Invoice
) -> None:
    await active.work.store_items([make.make_time_entry("t-9")])
    assert await active.engagements.open_work(make.ENGAGEMENT) == (
        "billing run 1 of 2026-11 is not finished",
        f"invoice {draft.key} is draft",
        "1 approved entries are not billed",
    )
    await active.billing.finish_run(make.make_run())
    await active.invoices.record_posted(draft.id, make.make_posted(draft))
    await pay(active, payment("1142.40"))
    await active.work.store_items([make.later(make.make_time_entry("t-9"), approved=False)])
    assert await active.engagements.open_work(make.ENGAGEMENT) == ()
