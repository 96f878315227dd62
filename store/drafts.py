"""Draft invoices: stored once, with their lines, each line tied to its transactions."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.billing import BillingRun
from canonical.errors import RuleViolation
from canonical.invoice import Invoice, InvoiceLine
from canonical.money import Money
from store import trail
from store.processes import ensure, invoice_process
from store.tables import invoice, invoice_line

_LINK: Final = """
INSERT INTO invoice_transaction (transaction_id, invoice_id, line_no)
SELECT t.id, CAST(:invoice AS uuid), :line_no
FROM billing_transaction t
WHERE t.id = ANY(CAST(:transactions AS uuid[]))
  AND t.engagement_id = :engagement AND t.period = :period AND t.run = :run
RETURNING (SELECT b.amount FROM billing_transaction b WHERE b.id = transaction_id) AS amount
"""


async def save(connection: AsyncConnection, run: BillingRun, draft: Invoice) -> None:
    """Store one draft; if it is there already, it stays as it is.

    Raises RuleViolation for an invoice of another run, and for a line whose net is not the sum of
    its transactions.
    """
    if (draft.engagement_id, draft.period, draft.run) != (run.engagement_id, run.period, run.run):
        raise RuleViolation(f"invoice {draft.key} is not of run {run.run} of {run.period}")
    if not await _insert(connection, draft):
        return
    for line in draft.lines:
        await _insert_line(connection, draft, line)
        await _link(connection, draft, line)
    process = invoice_process(draft.id)
    await ensure(connection, [process])
    await trail.note(
        connection,
        process,
        "invoice.drafted",
        legal_entity=draft.legal_entity,
        key=draft.key,
        gross=str(draft.gross),
    )


async def _insert(connection: AsyncConnection, draft: Invoice) -> bool:
    inserted = await connection.execute(
        insert(invoice)
        .values(
            id=draft.id,
            key=draft.key,
            engagement_id=draft.engagement_id,
            period=draft.period,
            run=draft.run,
            sequence=draft.sequence,
            legal_entity=draft.legal_entity,
            bill_to=draft.bill_to,
            state=draft.state.value,
            currency=draft.currency,
            net=draft.net.amount,
            tax=draft.tax.amount,
            gross=draft.gross.amount,
            paid=draft.paid.amount,
            body=draft.model_dump(mode="json", exclude={"lines"}),
        )
        .on_conflict_do_nothing(index_elements=[invoice.c.id])
    )
    return inserted.rowcount == 1


async def _insert_line(connection: AsyncConnection, draft: Invoice, line: InvoiceLine) -> None:
    await connection.execute(
        insert(invoice_line).values(
            invoice_id=draft.id,
            line_no=line.line_no,
            kind=line.kind,
            description=line.description,
            net=line.net.amount,
            currency=line.net.currency,
            tax_code=line.tax_code,
            quantity=line.quantity,
        )
    )


async def _link(connection: AsyncConnection, draft: Invoice, line: InvoiceLine) -> None:
    linked = await connection.scalars(
        text(_LINK),
        {
            "invoice": draft.id,
            "line_no": line.line_no,
            "transactions": list(line.transaction_ids),
            "engagement": draft.engagement_id,
            "period": draft.period,
            "run": draft.run,
        },
    )
    amounts = linked.all()
    found = Money.rounded(sum(amounts, start=Money.zero(draft.currency).amount), draft.currency)
    if len(amounts) != len(line.transaction_ids) or found != line.net:
        raise RuleViolation(
            f"line {line.line_no} of invoice {draft.key} says {line.net}, but its "
            f"{len(line.transaction_ids)} transactions are {len(amounts)} of the run and add up to "
            f"{found}"
        )
