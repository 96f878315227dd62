"""A posted invoice: delivered once, followed by its payments."""

from __future__ import annotations

from collections import deque
from datetime import date
from decimal import Decimal

import pytest

from activities.invoices import (
    DeliverInvoice,
    Follow,
    InvoiceActivities,
    PaymentFeedActivities,
)
from activities.news import TakeNews
from activities.sources import Pull
from canonical.errors import DataRejected, OutcomeUnknown, SystemUnavailable
from canonical.ids import ExternalRef
from canonical.invoice import Invoice, InvoiceState
from canonical.payment import PaymentPage, PaymentSeen
from tests import builders as make
from tests.activities.conftest import NOW, Store, perform
from tests.activities.systems.erp import LyingErp
from tests.activities.systems.mail import FakeMail, PlainDocuments


@pytest.fixture
def mail() -> FakeMail:
    return FakeMail()


@pytest.fixture
async def posted(store: Store, draft: Invoice) -> Invoice:
    """The draft, posted under 2026/0007, in our ledger too."""
    await store.invoices.open_posting(draft.key, make.ERP)
    await store.invoices.bind_posting(draft.key, make.ERP_INVOICE)
    await store.post(draft.id)
    return draft


@pytest.fixture
def invoices(store: Store, mail: FakeMail) -> InvoiceActivities:
    return InvoiceActivities(
        store.invoices,
        store.books,
        store.engagements,
        PlainDocuments(),
        mail,
        make.make_landscape(),
        lambda: NOW,
    )


# -- delivery --------------------------------------------------------------------------------------


async def test_an_invoice_is_mailed_once_with_its_backup(
    invoices: InvoiceActivities, posted: Invoice, mail: FakeMail, store: Store
) -> None:
    for _ in range(2):
        await perform(invoices.deliver_invoice, DeliverInvoice(invoice_id=posted.id))
    [(message_id, message)] = mail.handed_over
    assert message_id == f"<{posted.key}:deliver@test>"
    assert message.recipient == "rechnungen@falkenstein.example"
    assert [each.name for each in message.attachments] == ["invoice.pdf", "backup.csv"]
    assert message.attachments[1].content == b"2026-11-05 Ada Berg 960.00 EUR"
    assert await store.column("SELECT delivered_at FROM invoice") == [NOW]


async def test_the_mail_says_what_the_client_needs(
    invoices: InvoiceActivities, posted: Invoice, mail: FakeMail
) -> None:
    await perform(invoices.deliver_invoice, DeliverInvoice(invoice_id=posted.id))
    [(_, message)] = mail.handed_over
    assert message.subject == "Invoice 2026/0007 from North Consulting GmbH"
    for words in ("1,142.40 EUR", "PO-4711", "2027-01-01", "2026-11-05 to 2026-11-05"):
        assert words in message.text


async def test_a_hand_over_whose_answer_was_lost_is_repeated_as_the_same_message(
    invoices: InvoiceActivities, posted: Invoice, mail: FakeMail, store: Store
) -> None:
    mail.lost, mail.refuses = True, deque([OutcomeUnknown(make.MAIL, "no answer")])
    request = DeliverInvoice(invoice_id=posted.id)
    with pytest.raises(OutcomeUnknown):
        await perform(invoices.deliver_invoice, request)
    assert await store.invoices.delivered_as(posted.id) == ""
    await perform(invoices.deliver_invoice, request, attempt=2)
    assert len({message_id for message_id, _ in mail.handed_over}) == 1
    assert mail.handed_over[0] == mail.handed_over[1]


async def test_a_refused_mail_leaves_the_invoice_posted_and_undelivered(
    invoices: InvoiceActivities, posted: Invoice, mail: FakeMail, store: Store
) -> None:
    mail.refuses = deque([DataRejected(make.MAIL, "550 no such mailbox")])
    with pytest.raises(DataRejected, match="no such mailbox"):
        await perform(invoices.deliver_invoice, DeliverInvoice(invoice_id=posted.id))
    standing = await store.invoices.standing(posted.id)
    assert (standing.state, mail.handed_over) == (InvoiceState.POSTED, [])


# -- payments --------------------------------------------------------------------------------------

PULL = Pull(system=make.ERP)


def paid(number: str, amount: str) -> PaymentSeen:
    return PaymentSeen(
        reference=ExternalRef(system=make.ERP, kind="payment", id=number),
        invoice=make.ERP_INVOICE,
        amount=make.euro(amount),
        paid_on=date(2026, 12, 20),
    )


def page(cursor: str, *payments: PaymentSeen) -> PaymentPage:
    return PaymentPage(payments=payments, cursor=cursor, has_more=True)


@pytest.fixture
def feed(store: Store, erp: LyingErp) -> PaymentFeedActivities:
    entities = (make.make_entity(), make.make_entity(code="SOUTH-DE"))
    return PaymentFeedActivities(make.ERP, erp, store.invoices, store.work, entities)


async def test_payments_add_up_on_their_invoice_until_it_is_paid(
    feed: PaymentFeedActivities, posted: Invoice, erp: LyingErp, store: Store
) -> None:
    erp.payments[make.ENTITY] = [page("c1", paid("1", "142.40"))]
    await perform(feed.pull_payments, PULL)
    assert (await store.invoices.standing(posted.id)).state is InvoiceState.PART_PAID
    erp.payments[make.ENTITY].append(page("c2", paid("1", "142.40"), paid("2", "1000.00")))
    assert (await perform(feed.pull_payments, PULL)).new == 1
    standing = await store.invoices.standing(posted.id)
    assert (standing.state, standing.paid.amount) == (InvoiceState.PAID, Decimal("1142.40"))


async def test_each_legal_entity_has_a_cursor_of_its_own(
    feed: PaymentFeedActivities, erp: LyingErp
) -> None:
    erp.payments = {make.ENTITY: [page("c1"), page("c2")], "SOUTH-DE": [page("s1")]}
    assert (await perform(feed.pull_payments, PULL)).pages == 3
    await perform(feed.pull_payments, PULL)
    assert erp.asked_from[2:] == [(make.ENTITY, "c2"), ("SOUTH-DE", "s1")]


async def test_a_page_that_cannot_be_stored_does_not_move_the_payments_cursor(
    feed: PaymentFeedActivities, posted: Invoice, erp: LyingErp, store: Store
) -> None:
    broken = paid("2", "10.00").model_copy(update={"bank_reference": "\x00"})
    erp.payments[make.ENTITY] = [page("c1", paid("1", "142.40")), page("c2", broken)]
    with pytest.raises((DataRejected, SystemUnavailable)):
        await perform(feed.pull_payments, PULL)
    assert await store.work.cursor(make.ERP, f"payments/{make.ENTITY}") == "c1"
    assert await store.column("SELECT count(*) FROM payment") == [1]


async def test_following_an_invoice_takes_its_news_and_says_where_it_stands(
    feed: PaymentFeedActivities,
    invoices: InvoiceActivities,
    posted: Invoice,
    erp: LyingErp,
) -> None:
    erp.payments[make.ENTITY] = [page("c1", paid("1", "142.40"))]
    await perform(feed.pull_payments, PULL)
    taking = TakeNews(process=f"invoice/{posted.id}", token="first")
    request = Follow(invoice_id=posted.id, news=taking)
    news = await perform(invoices.follow_invoice, request)
    assert [each.type for each in news.news] == ["payment.received"]
    assert news.standing.paid == make.euro("142.40")
    assert await perform(invoices.follow_invoice, request, attempt=2) == news


async def test_following_an_invoice_books_its_payments_once(
    feed: PaymentFeedActivities,
    invoices: InvoiceActivities,
    posted: Invoice,
    erp: LyingErp,
    store: Store,
) -> None:
    erp.payments[make.ENTITY] = [page("c1", paid("1", "142.40"), paid("2", "1000.00"))]
    await perform(feed.pull_payments, PULL)
    for token in ("first", "second"):
        taking = TakeNews(process=f"invoice/{posted.id}", token=token)
        await perform(invoices.follow_invoice, Follow(invoice_id=posted.id, news=taking))
    banked = {
        period: amount
        for (period, account), amount in (await store.sums()).items()
        if account == "1010"
    }
    assert banked == {"2026-12": Decimal("1142.40")}
