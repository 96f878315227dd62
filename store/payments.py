"""Payments as the ERP has them: stored with the invoices' paid sums, told to their workflows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.events import PaymentReceived
from canonical.ids import ExternalRef, payment_id
from canonical.payment import PaymentSeen
from canonical.records import PaymentsStored
from store import references, trail
from store.events import record_event
from store.payment_sums import sum_payments
from store.processes import invoice_process
from store.references import INVOICE

# Repeated without a difference, a payment updates nothing and returns nothing.
_UPSERT = """
INSERT INTO payment AS known (id, reference_system, reference_kind, reference_id, invoice_system,
    invoice_kind, invoice_id, our_invoice, amount, currency, paid_on, bank_reference)
VALUES (CAST(:id AS uuid), :reference_system, :reference_kind, :reference_id, :invoice_system,
    :invoice_kind, :invoice_id, CAST(:our_invoice AS uuid), :amount, :currency, :paid_on,
    :bank_reference)
ON CONFLICT (id) DO UPDATE SET amount = excluded.amount, currency = excluded.currency,
    paid_on = excluded.paid_on, bank_reference = excluded.bank_reference
WHERE (known.amount, known.currency, known.paid_on, known.bank_reference)
    IS DISTINCT FROM (excluded.amount, excluded.currency, excluded.paid_on, excluded.bank_reference)
RETURNING (xmax = 0) AS is_new
"""


async def store_payments(
    connection: AsyncConnection, payments: Sequence[PaymentSeen], received_at: datetime
) -> PaymentsStored:
    """Upsert payments and paid sums, and record `payment.received` for what is new or corrected.

    In the order of the invoices' references, so that two feeds cannot wait for each other.
    """
    new = known = unknown_invoice = 0
    for payment in sorted(payments, key=lambda each: (str(each.invoice), str(each.reference))):
        invoice = await _invoice_of(connection, payment.invoice)
        unknown_invoice += invoice is None
        is_new = await _upsert(connection, payment, invoice)
        if is_new is None:
            known += 1
            continue
        new, known = new + is_new, known + (not is_new)
        if invoice is not None:
            await sum_payments(connection, invoice)
        await _tell(connection, payment, invoice, received_at)
    return PaymentsStored(new=new, known=known, unknown_invoice=unknown_invoice)


async def _invoice_of(connection: AsyncConnection, reference: ExternalRef) -> str | None:
    """Our invoice; the lock keeps its link from appearing between this look and our commit."""
    await references.lock(connection, reference)
    linked = await references.linked(connection, reference)
    return linked.noun_id if linked is not None and linked.noun == INVOICE else None


async def _upsert(
    connection: AsyncConnection, payment: PaymentSeen, invoice: str | None
) -> bool | None:
    """True for a new payment, False for a corrected one, None when nothing changed."""
    is_new: bool | None = await connection.scalar(
        text(_UPSERT),
        {
            "id": payment_id(payment.reference),
            **references.columns("reference", payment.reference),
            **references.columns("invoice", payment.invoice),
            "our_invoice": invoice,
            "amount": payment.amount.amount,
            "currency": payment.amount.currency,
            "paid_on": payment.paid_on,
            "bank_reference": payment.bank_reference,
        },
    )
    return is_new


async def _tell(
    connection: AsyncConnection, payment: PaymentSeen, invoice: str | None, received_at: datetime
) -> None:
    event = PaymentReceived(
        # With the amount: a corrected payment is news too.
        id=f"{payment.reference.kind}/{payment.reference.id}/{payment.amount.amount}",
        source=payment.reference.system,
        occurred_at=datetime.combine(payment.paid_on, time(), UTC),
        invoice=payment.invoice,
        payment=payment.reference,
    )
    await record_event(connection, event, received_at)
    await trail.note(
        connection,
        invoice_process(invoice) if invoice is not None else str(payment.invoice),
        "payment.seen",
        legal_entity=await _entity_of(connection, invoice),
        payment=str(payment.reference),
        amount=str(payment.amount),
    )


async def _entity_of(connection: AsyncConnection, invoice: str | None) -> str:
    """Empty for the payment of an invoice that is not ours yet."""
    found = await connection.scalar(
        text("SELECT legal_entity FROM invoice WHERE id = CAST(:id AS uuid)"), {"id": invoice}
    )
    return str(found or "")
