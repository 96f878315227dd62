"""Invoices from draft to delivered: one number, one document, the figures that the ERP booked."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from canonical.errors import RecordMissing, RuleViolation, TransitionForbidden
from canonical.ids import InvoiceId, derive
from canonical.invoice import Invoice, InvoiceState
from canonical.transitions import PostingState
from canonical.work import Expense, TimeEntry
from tests import builders as make
from tests.store.conftest import Store
from tests.store.test_payments import pay, payment

SENT_AT = datetime(2026, 12, 2, 13, tzinfo=UTC)


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
    draft = await active.draft_of()
    rows = [row async for page in active.invoices.backup_rows(draft.id) for row in page]
    assert [(row.work_date.day, row.unit, row.amount) for row in rows] == [
        (5, "h", make.euro("960.00")),
        (6, "unit", make.euro("94.40")),
        (17, "h", make.euro("1120.00")),
    ]


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
    await active.events.record_event(make.make_cutoff(), make.RECEIVED_AT)
    assert await active.engagements.open_work(make.ENGAGEMENT) == (
        "billing run 2 of 2026-11 is not finished",
        f"invoice {draft.key} is draft",
    )
    await active.bill(make.make_run(2))
    await active.post(draft.id)
    await pay(active, payment("1142.40"))
    assert await active.engagements.open_work(make.ENGAGEMENT) == ()
