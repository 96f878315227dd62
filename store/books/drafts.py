"""Invoices of the engine's documents: stored once, with their lines, each tied to its
transactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.billing import BillingRun
from canonical.contract import ContractVersion
from canonical.engine.rows import Document, Transaction
from canonical.ids import InvoiceId
from canonical.invoice import Invoice, InvoiceLine
from canonical.invoicing import EntryWords, invoice_of
from store import trail
from store.engine import copy_rows
from store.processes import ensure, invoice_process
from store.tables import invoice, invoice_line, invoice_transaction, project

_PROJECT_CODE: Final = select(project.c.code)


async def project_code(connection: AsyncConnection, engagement: str) -> str:
    found = await connection.scalar(_PROJECT_CODE.where(project.c.engagement_id == engagement))
    return str(found or "")


async def invoices_of(
    connection: AsyncConnection,
    documents: Sequence[Document],
    rows: Mapping[str, Transaction],
    run: BillingRun,
    version: ContractVersion,
    words: Mapping[str, EntryWords],
) -> list[Invoice]:
    """The invoices of a run's documents, numbered in their order."""
    code = await project_code(connection, run.engagement_id)
    return [
        invoice_of(
            document,
            rows,
            run,
            version,
            code,
            words,
            sequence=number,
            credits=await _credited(connection, document),
        )
        for number, document in enumerate(documents, start=1)
    ]


async def _credited(connection: AsyncConnection, document: Document) -> InvoiceId | None:
    if not document.credits:
        return None
    found = await connection.scalar(select(invoice.c.id).where(invoice.c.key == document.credits))
    return None if found is None else InvoiceId(str(found))


async def keep_invoices(
    connection: AsyncConnection, chapter: int, drafts: Sequence[tuple[Invoice, bool]]
) -> None:
    """Store drafts, each with whether our ledger posted it in this chapter already."""
    for draft, is_posted in drafts:
        await connection.execute(insert(invoice).values(**_row(draft, chapter, is_posted)))
        await connection.execute(
            insert(invoice_line), [_line_row(draft, line) for line in draft.lines]
        )
        links = (
            (transaction, draft.id, line.line_no)
            for line in draft.lines
            for transaction in line.transaction_ids
        )
        columns = ["transaction_id", "invoice_id", "line_no"]
        await copy_rows(connection, invoice_transaction.name, columns, links)
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


def _row(draft: Invoice, chapter: int, is_posted: bool) -> dict[str, object]:
    return {
        "id": draft.id,
        "key": draft.key,
        "type": draft.type.value,
        "engagement_id": draft.engagement_id,
        "contract_id": draft.contract_id,
        "period": draft.period,
        "run": draft.run,
        "sequence": draft.sequence,
        "legal_entity": draft.legal_entity,
        "bill_to": draft.bill_to,
        "state": draft.state.value,
        "currency": draft.currency,
        "discount": draft.discount.amount,
        "net": draft.net.amount,
        "tax": draft.tax.amount,
        "gross": draft.gross.amount,
        "paid": draft.paid.amount,
        "credits": draft.credits,
        "posted_in": chapter if is_posted else None,
        "body": draft.model_dump(mode="json", exclude={"lines"}),
    }


def _line_row(draft: Invoice, line: InvoiceLine) -> dict[str, object]:
    return {
        "invoice_id": draft.id,
        "line_no": line.line_no,
        "kind": line.kind,
        "description": line.description,
        "net": line.net.amount,
        "currency": line.net.currency,
        "tax_code": line.tax_code,
        "taxed_on": line.taxed_on,
        "quantity": line.quantity,
    }


async def note_posted(connection: AsyncConnection, chapter: int, documents: Sequence[str]) -> None:
    """Our ledger holds these documents since this chapter."""
    await connection.execute(
        text(
            "UPDATE invoice SET posted_in = :chapter"
            " WHERE key = ANY(CAST(:keys AS text[])) AND posted_in IS NULL"
        ),
        {"chapter": chapter, "keys": list(documents)},
    )
