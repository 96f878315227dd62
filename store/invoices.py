"""Invoices from draft to paid, as the activities see them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import RowMapping, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.client import Client
from canonical.errors import RuleViolation
from canonical.ids import ClientId, EngagementId, ExternalRef, InvoiceId
from canonical.invoice import BackupRow, Invoice, InvoiceLine, InvoiceState, PostedInvoice
from canonical.money import Money
from canonical.payment import PaymentSeen
from canonical.records import InvoiceStanding, PaymentsStored, Posting
from canonical.transitions import INVOICE, PostingState, advance
from store import links, payments, postings, references, trail
from store.engagements import missing
from store.engine import transaction
from store.payment_sums import sum_payments
from store.processes import invoice_process
from store.tables import client, invoice, invoice_line
from store.work import move_cursor

BACKUP_ROWS_PER_PAGE: Final = 5_000
UNITS: Final = {"time": "h"}
UNIT: Final = "unit"
"""Of expenses and fees."""


class InvoiceStore:
    """Implements `canonical.records.InvoiceRecords`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def invoice(self, invoice_id: InvoiceId) -> Invoice:
        """With its lines, which do not list their transactions (`backup_rows` gives those by the
        page). Raises RecordMissing."""
        async with transaction(self._engine) as connection:
            row = await _row(connection, invoice_id)
            found = await connection.execute(
                select(invoice_line)
                .where(invoice_line.c.invoice_id == invoice_id)
                .order_by(invoice_line.c.line_no)
            )
            lines = tuple(_as_line(line) for line in found.mappings())
        changed = {
            "state": row["state"],
            "number": row["number"],
            "invoice_date": row["invoice_date"],
            "due_date": row["due_date"],
            "paid": Money(amount=row["paid"], currency=row["currency"]),
        }
        return Invoice.model_validate({**row["body"], **changed, "lines": lines})

    async def client(self, client_id: ClientId) -> Client:
        """Raises RecordMissing."""
        async with transaction(self._engine) as connection:
            body = await connection.scalar(select(client.c.body).where(client.c.id == client_id))
        if body is None:
            raise missing("client", client_id)
        return Client.model_validate(body)

    async def standing(self, invoice_id: InvoiceId) -> InvoiceStanding:
        """Gross is what the ERP booked, once it is posted. Raises RecordMissing."""
        async with transaction(self._engine) as connection:
            row = await _row(connection, invoice_id)
        gross = row["gross"] if row["booked_gross"] is None else row["booked_gross"]
        return InvoiceStanding(
            id=invoice_id,
            key=row["key"],
            engagement_id=EngagementId(row["engagement_id"]),
            legal_entity=row["legal_entity"],
            state=InvoiceState(row["state"]),
            number=row["number"],
            gross=Money(amount=gross, currency=row["currency"]),
            paid=Money(amount=row["paid"], currency=row["currency"]),
            due_date=row["due_date"],
        )

    async def open_posting(self, key: str, system: str) -> Posting:
        async with transaction(self._engine) as connection:
            return await postings.open_posting(connection, key, system)

    async def advance_posting(self, key: str, before: PostingState, after: PostingState) -> bool:
        async with transaction(self._engine) as connection:
            return await postings.advance_posting(connection, key, before, after)

    async def bind_posting(self, key: str, reference: ExternalRef) -> ExternalRef:
        async with transaction(self._engine) as connection:
            return await postings.bind(connection, key, reference)

    async def record_posted(self, invoice_id: InvoiceId, posted: PostedInvoice) -> None:
        """What the ERP booked, number, dates, state, link; repeated with the same answer, nothing.

        Raises RuleViolation for a document that is not posted, or under another number than before.
        """
        async with transaction(self._engine) as connection:
            row = await _row(connection, invoice_id, lock=True)
            _require_posted(row, posted)
            if not row["number"]:
                await _book(connection, row, posted)
            process = invoice_process(invoice_id)
            entity = row["legal_entity"]
            await postings.confirm(connection, process, posted.reference, entity)
            await links.link(connection, references.INVOICE, invoice_id, posted.reference)
            await sum_payments(connection, invoice_id)

    async def backup_rows(self, invoice_id: InvoiceId) -> AsyncIterator[Sequence[BackupRow]]:
        """Pages by work date; each page is a short transaction of its own."""
        after: tuple[object, object] = (None, None)
        while True:
            async with transaction(self._engine) as connection:
                found = await connection.execute(
                    text(_BACKUP),
                    {
                        "invoice": invoice_id,
                        "day": after[0],
                        "id": after[1],
                        "limit": BACKUP_ROWS_PER_PAGE,
                    },
                )
                rows = found.mappings().all()
            if rows:
                yield [_as_backup(row) for row in rows]
            if len(rows) < BACKUP_ROWS_PER_PAGE:
                return
            after = (rows[-1]["work_date"], rows[-1]["id"])

    async def record_delivery(
        self, invoice_id: InvoiceId, message_id: str, sent_at: datetime
    ) -> None:
        """The first delivery counts; an invoice that is paid already stays paid."""
        async with transaction(self._engine) as connection:
            row = await _row(connection, invoice_id, lock=True)
            if row["delivered_as"]:
                return
            before = InvoiceState(row["state"])
            after = InvoiceState.DELIVERED if before is InvoiceState.POSTED else before
            if before is InvoiceState.DRAFT:
                advance("invoice", INVOICE, before, InvoiceState.DELIVERED)
            await connection.execute(
                update(invoice)
                .where(invoice.c.id == invoice_id)
                .values(state=after.value, delivered_as=message_id, delivered_at=sent_at)
            )
            await trail.note(
                connection,
                invoice_process(invoice_id),
                "invoice.delivered",
                legal_entity=row["legal_entity"],
                message_id=message_id,
                sent_at=sent_at.isoformat(),
            )

    async def delivered_as(self, invoice_id: InvoiceId) -> str:
        async with transaction(self._engine) as connection:
            row = await _row(connection, invoice_id)
        return str(row["delivered_as"])

    async def store_payments(
        self, payments_seen: Sequence[PaymentSeen], *, feed: tuple[str, str, str]
    ) -> PaymentsStored:
        """See the port and `store.payments.store_payments`."""
        async with transaction(self._engine) as connection:
            received_at = (await connection.execute(select(func.now()))).scalar_one()
            stored = await payments.store_payments(connection, payments_seen, received_at)
            await move_cursor(connection, *feed)
        return stored


_BACKUP: Final = """
SELECT t.id, t.work_date, coalesce(nullif(t.person_name, ''), t.person) AS person,
       coalesce(nullif(t.role, ''), t.task) AS role, t.description, t.kind, t.quantity, t.rate,
       t.net AS amount, t.currency
FROM invoice_transaction i JOIN billing_transaction t ON t.id = i.transaction_id
WHERE i.invoice_id = CAST(:invoice AS uuid)
  AND (CAST(:day AS date) IS NULL
       OR (t.work_date, t.id) > (CAST(:day AS date), CAST(:id AS uuid)))
ORDER BY t.work_date, t.id LIMIT :limit
"""


async def _row(
    connection: AsyncConnection, invoice_id: InvoiceId, *, lock: bool = False
) -> RowMapping:
    query = select(invoice).where(invoice.c.id == invoice_id)
    found = await connection.execute(query.with_for_update(key_share=True) if lock else query)
    row = found.mappings().one_or_none()
    if row is None:
        raise missing("invoice", invoice_id)
    return row


def _as_line(row: RowMapping) -> InvoiceLine:
    return InvoiceLine(
        line_no=row["line_no"],
        kind=row["kind"],
        description=row["description"],
        net=Money(amount=row["net"], currency=row["currency"]),
        tax_code=row["tax_code"],
        taxed_on=row["taxed_on"],
        quantity=row["quantity"],
    )


def _as_backup(row: RowMapping) -> BackupRow:
    return BackupRow(
        work_date=row["work_date"],
        person=row["person"],
        role=row["role"],
        description=row["description"],
        quantity=row["quantity"],
        unit=UNITS.get(row["kind"], UNIT),
        rate=row["rate"],
        amount=Money(amount=row["amount"], currency=row["currency"]),
    )


def _require_posted(row: RowMapping, posted: PostedInvoice) -> None:
    if not posted.posted or not posted.number:
        raise RuleViolation(
            f"invoice {row['key']} is {posted.state!r} in {posted.reference.system} and has no "
            "number yet; post it first"
        )
    if row["number"] not in ("", posted.number):
        raise RuleViolation(
            f"invoice {row['key']} was posted as {row['number']}, and now the ERP says "
            f"{posted.number}; find out which document is ours"
        )


async def _book(connection: AsyncConnection, row: RowMapping, posted: PostedInvoice) -> None:
    before = InvoiceState(row["state"])
    after = advance("invoice", INVOICE, before, InvoiceState.POSTED)
    await connection.execute(
        update(invoice)
        .where(invoice.c.id == row["id"])
        .values(
            state=after.value,
            number=posted.number,
            invoice_date=posted.invoice_date,
            due_date=posted.due_date,
            booked_net=posted.net.amount,
            booked_tax=posted.tax.amount,
            booked_gross=posted.gross.amount,
        )
    )
    await trail.note(
        connection,
        invoice_process(row["id"]),
        "invoice.posted",
        legal_entity=row["legal_entity"],
        number=posted.number,
        reference=str(posted.reference),
        gross=str(posted.gross),
    )
