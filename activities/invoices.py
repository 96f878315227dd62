"""An invoice after it is posted: delivered with its backup, and followed by its payments."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from temporalio import activity

from activities.news import TakeNews
from activities.sources import Pull, Pulled
from canonical.base import Noun
from canonical.client import Client
from canonical.events import News
from canonical.ids import InvoiceId
from canonical.invoice import Invoice
from canonical.landscape import Landscape, LegalEntity
from canonical.mail import OutgoingMail
from canonical.ports import Documents, Erp, Mail
from canonical.records import (
    BookRecords,
    EngagementRecords,
    InvoiceRecords,
    InvoiceStanding,
    WorkRecords,
)

PAYMENTS_FEED = "payments"


class Follow(Noun):
    """The invoice to follow, and the taking of news that this call stands for."""

    invoice_id: InvoiceId
    news: TakeNews


class InvoiceNews(Noun):
    """Where an invoice stands after the news of it."""

    standing: InvoiceStanding
    news: tuple[News, ...] = ()


class DeliverInvoice(Noun):
    invoice_id: InvoiceId


class InvoiceActivities:
    """Runs on the main queue."""

    def __init__(
        self,
        invoices: InvoiceRecords,
        books: BookRecords,
        records: EngagementRecords,
        documents: Documents,
        mail: Mail,
        landscape: Landscape,
        clock: Callable[[], datetime],
    ) -> None:
        self._invoices, self._books, self._records = invoices, books, records
        self._documents, self._mail = documents, mail
        self._landscape, self._clock = landscape, clock

    @activity.defn
    async def deliver_invoice(self, request: DeliverInvoice) -> None:
        """Mail the invoice with its backup, once. A hand-over whose answer was lost is repeated
        under
        the same message id, which receivers treat as the same message."""
        if await self._invoices.delivered_as(request.invoice_id):
            return
        invoice = await self._invoices.invoice(request.invoice_id)
        client = await self._invoices.client(invoice.bill_to)
        entity = self._landscape.entity(invoice.legal_entity)
        backup = self._invoices.backup_rows(invoice.id)
        files = await self._documents.invoice_files(invoice, client, entity, backup)
        message = _message(invoice, client, entity).model_copy(update={"attachments": files})
        message_id = await self._mail.send(message, key=f"{invoice.key}:deliver")
        await self._invoices.record_delivery(invoice.id, message_id, self._clock())

    @activity.defn
    async def follow_invoice(self, request: Follow) -> InvoiceNews:
        """The news of an invoice (payments, cancellations), booked, and where it stands now."""
        news = await self._records.take_news(request.news.process, request.news.token)
        await self._books.book_payments(request.invoice_id, self._clock())
        standing = await self._invoices.standing(request.invoice_id)
        return InvoiceNews(standing=standing, news=tuple(news))


class PaymentFeedActivities:
    """Runs on the ERP's task queue."""

    def __init__(
        self,
        system: str,
        erp: Erp,
        invoices: InvoiceRecords,
        work: WorkRecords,
        entities: tuple[LegalEntity, ...],
    ) -> None:
        self._system, self._erp = system, erp
        self._invoices, self._work, self._entities = invoices, work, entities

    @activity.defn
    async def pull_payments(self, request: Pull) -> Pulled:
        """Read the payments of each legal entity from its cursor; payments and cursor move
        together."""
        pages = new = 0
        for entity in self._entities:
            feed = f"{PAYMENTS_FEED}/{entity.code}"
            cursor = await self._work.cursor(self._system, feed)
            async for page in self._erp.payments_since(entity.code, cursor):
                stored = await self._invoices.store_payments(
                    page.payments, feed=(self._system, feed, page.cursor)
                )
                pages, new = pages + 1, new + stored.new
        return Pulled(pages=pages, new=new)


def _message(invoice: Invoice, client: Client, entity: LegalEntity) -> OutgoingMail:
    order = f"\nYour purchase order: {invoice.purchase_order}" if invoice.purchase_order else ""
    return OutgoingMail(
        sender=entity.invoice_from,
        recipient=client.invoice_email,
        subject=f"Invoice {invoice.number} from {entity.name}",
        text=(
            f"Dear {client.legal_name},\n\n"
            f"please find attached invoice {invoice.number} over {invoice.gross} for services from "
            f"{invoice.service_from} to {invoice.service_to}, with its detail per entry."
            f"{order}\nDue: {invoice.due_date}\n\nKind regards\n{entity.name}\n"
        ),
    )
