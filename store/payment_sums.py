"""What is paid on an invoice: always the sum of its payments, under the invoice's row lock."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.case import Case
from canonical.errors import Role
from canonical.ids import ExternalRef, case_id
from canonical.invoice import InvoiceState
from canonical.money import Money
from canonical.transitions import INVOICE
from store import processes, references, trail
from store.tables import invoice

_SOME_PAID = (InvoiceState.PART_PAID, InvoiceState.PAID)


async def adopt_payments(
    connection: AsyncConnection, invoice_id: str, reference: ExternalRef
) -> None:
    """Payments that were seen before the invoice's record was linked."""
    adopted = await connection.execute(
        text(
            "UPDATE payment SET our_invoice = CAST(:invoice AS uuid)"
            " WHERE our_invoice IS NULL AND invoice_system = :invoice_system"
            " AND invoice_kind = :invoice_kind AND invoice_id = :invoice_id"
        ),
        {"invoice": invoice_id, **references.columns("invoice", reference)},
    )
    if adopted.rowcount:
        await sum_payments(connection, invoice_id)


async def sum_payments(connection: AsyncConnection, invoice_id: str) -> None:
    """Write the invoice's paid amount and the state that follows from it.

    What the sum cannot explain (another currency, a payment taken back) becomes a case for finance;
    the payments themselves are the ERP's facts and stay as they are.
    """
    columns = invoice.c
    found = await connection.execute(
        select(
            *(columns.key, columns.state, columns.paid, columns.currency, columns.legal_entity),
            text("coalesce(booked_gross, gross) AS gross"),
        )
        .where(columns.id == invoice_id)
        .with_for_update(key_share=True)
    )
    row = found.one()
    sums = await _sums(connection, invoice_id, row.currency)
    state = InvoiceState(row.state)
    wanted = _paid_state(state, sums.ours, row.gross)
    allowed = wanted is state or wanted in INVOICE[state]
    await connection.execute(
        update(invoice)
        .where(columns.id == invoice_id)
        .values(paid=sums.ours, state=(wanted if allowed else state).value)
    )
    if not allowed:
        message = f"the payments fell to {sums.ours} {row.currency}, but it is {state.value}"
        await _case(connection, invoice_id, row.key, "PaymentTakenBack", message, row.legal_entity)
    if sums.foreign:
        message = f"{sums.foreign} payments are in another currency than {row.currency}"
        await _case(connection, invoice_id, row.key, "PaymentCurrency", message, row.legal_entity)


class _Sums(NamedTuple):
    ours: Decimal
    """In the invoice's currency."""
    foreign: int
    """Payments in another one."""


async def _sums(connection: AsyncConnection, invoice_id: str, currency: str) -> _Sums:
    found = await connection.execute(
        text(
            "SELECT coalesce(sum(amount) FILTER (WHERE currency = :currency), 0) AS ours,"
            " count(*) FILTER (WHERE currency <> :currency) AS others"
            " FROM payment WHERE our_invoice = CAST(:invoice AS uuid)"
        ),
        {"invoice": invoice_id, "currency": currency},
    )
    row = found.one()
    return _Sums(Money.rounded(row.ours, currency).amount, row.others)


def _paid_state(state: InvoiceState, paid: Decimal, gross: Decimal) -> InvoiceState:
    if state in (InvoiceState.DRAFT, InvoiceState.CANCELLED):
        return state
    if gross >= 0 and paid >= gross:
        return InvoiceState.PAID
    if paid > 0:
        return InvoiceState.PART_PAID
    return InvoiceState.POSTED if state in _SOME_PAID else state


async def _case(
    connection: AsyncConnection,
    invoice_id: str,
    key: str,
    cause: str,
    message: str,
    legal_entity: str,
) -> None:
    process = processes.invoice_process(invoice_id)
    await trail.open_case(
        connection,
        Case(
            id=case_id(process, cause, key),
            process=process,
            cause=cause,
            subject=f"invoice {key}",
            owner=Role.FINANCE,
            message=f"invoice {key}: {message}",
            next_step="Check the payments of the invoice in the ERP and correct what is wrong.",
            legal_entity=legal_entity,
        ),
    )
