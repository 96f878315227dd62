"""Reads the documents as their receivers do: text of a PDF, cells of a workbook."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from io import BytesIO

from openpyxl import load_workbook
from openpyxl.cell import Cell
from pypdf import PdfReader

from adapters.documents import InvoiceDocuments
from canonical.client import Client
from canonical.engine.rows import Transaction
from canonical.invoice import BackupRow, Invoice
from canonical.landscape import LegalEntity
from canonical.mail import ATTACHMENTS_BYTES_MAX, Attachment
from canonical.money import Money
from canonical.work import TimeEntry
from tests.canonical.builders import bill, make_client, make_entity, make_invoice, posted
from tests.folding import Item


def backup_rows(items: Sequence[Item], description: str = "Analysis") -> list[BackupRow]:
    """What the store tells of an invoice over `items`."""
    billed = {row.source: row for row in bill(items).rows.values()}
    return [
        _row(item, billed[f"{item.source}/{item.kind}/{item.external_id}"], description)
        for item in items
    ]


def _row(item: Item, billed: Transaction, description: str) -> BackupRow:
    return BackupRow(
        work_date=item.work_date,
        person=item.person_name,
        role=item.role if isinstance(item, TimeEntry) else "",
        description=description,
        quantity=billed.quantity,
        unit="h" if item.kind == "time" else "pc",
        rate=billed.rate,
        amount=Money(amount=billed.net, currency=billed.currency),
    )


async def pages_of(rows: Sequence[BackupRow], size: int = 2) -> AsyncIterator[Sequence[BackupRow]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


async def render(
    items: Sequence[Item],
    *,
    invoice: Invoice | None = None,
    client: Client | None = None,
    entity: LegalEntity | None = None,
    rows: Sequence[BackupRow] | None = None,
    bytes_max: int = ATTACHMENTS_BYTES_MAX,
) -> tuple[Attachment, ...]:
    chosen = entity or make_entity()
    return await InvoiceDocuments(bytes_max=bytes_max).invoice_files(
        invoice or posted(make_invoice(items, entity=chosen)),
        client or make_client(),
        chosen,
        pages_of(backup_rows(items) if rows is None else rows),
    )


def pdf_of(files: Sequence[Attachment]) -> PdfReader:
    return PdfReader(BytesIO(files[0].content))


def text_of(files: Sequence[Attachment]) -> str:
    """The PDF's text, with plain spaces."""
    text = "\n".join(page.extract_text() for page in pdf_of(files).pages)
    return text.replace("\u00a0", " ")


def cells_of(files: Sequence[Attachment]) -> list[tuple[object, ...]]:
    return [tuple(cell.value for cell in row) for row in rows_of(files)]


def rows_of(files: Sequence[Attachment]) -> list[tuple[Cell, ...]]:
    sheet = load_workbook(BytesIO(files[1].content)).worksheets[0]
    return [tuple(cell for cell in row if isinstance(cell, Cell)) for row in sheet.iter_rows()]
