"""Implements the port Documents: the files that go to the client with an invoice."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Sequence

from adapters.documents.backup import SYSTEM, backup_sheet, too_large
from adapters.documents.formats import format_of
from adapters.documents.invoice_pdf import InvoiceSheet, invoice_pdf
from adapters.documents.spreadsheet import MEDIA_TYPE
from adapters.documents.typeface import unprintable
from adapters.documents.words import words_of
from canonical.client import Client
from canonical.errors import DataRejected, RuleViolation
from canonical.invoice import BackupRow, Invoice
from canonical.landscape import LegalEntity
from canonical.mail import ATTACHMENTS_BYTES_MAX, Attachment
from canonical.periods import due_date

_PRINTER = threading.Lock()
"""The PDF library keeps its fonts in one place for all threads."""


class InvoiceDocuments:
    """Renders in memory; words in the language of the client, numbers as the entity's country
    writes them."""

    def __init__(self, *, bytes_max: int = ATTACHMENTS_BYTES_MAX) -> None:
        self._bytes_max = bytes_max

    async def invoice_files(
        self,
        invoice: Invoice,
        client: Client,
        entity: LegalEntity,
        backup: AsyncIterator[Sequence[BackupRow]],
    ) -> tuple[Attachment, ...]:
        """The invoice (PDF) and its backup (.xlsx).

        Raises RuleViolation for an invoice that is not posted or a backup that does not add up to
        it, DataRejected for names that cannot be printed or files that a mail cannot carry.
        """
        sheet = _sheet(invoice, client, entity)
        _refuse_unprintable(client, entity)
        detail = await backup_sheet(invoice, sheet.words, backup, self._bytes_max)
        printed = await asyncio.to_thread(_print, sheet)
        size = len(detail) + len(printed)
        if size > self._bytes_max:
            raise too_large(invoice, f"{size:,} bytes", self._bytes_max)
        stem = _file_stem(invoice, sheet.words.invoice)
        return (
            Attachment(name=f"{stem}.pdf", media_type="application/pdf", content=printed),
            Attachment(
                name=f"{stem}-{sheet.words.backup}.xlsx", media_type=MEDIA_TYPE, content=detail
            ),
        )


def _print(sheet: InvoiceSheet) -> bytes:
    with _PRINTER:
        return invoice_pdf(sheet)


def _sheet(invoice: Invoice, client: Client, entity: LegalEntity) -> InvoiceSheet:
    if not invoice.number or invoice.invoice_date is None:
        raise RuleViolation(
            f"invoice {invoice.key} has no number or date yet; post it before its document is made"
        )
    return InvoiceSheet(
        invoice=invoice,
        client=client,
        entity=entity,
        invoice_date=invoice.invoice_date,
        due_date=invoice.due_date or due_date(invoice.invoice_date, invoice.net_days),
        words=words_of(client.address.country),
        format=format_of(entity.country),
    )


def _refuse_unprintable(client: Client, entity: LegalEntity) -> None:
    """Who bills whom must be readable; an odd character in a description is shown as a box."""
    parties = {
        "client.legal_name": client.legal_name,
        "client.address": f"{client.address.street} {client.address.city} {client.address.region}",
        "entity.name": entity.name,
    }
    lacking = {field: unprintable(text) for field, text in parties.items() if unprintable(text)}
    if lacking:
        named = ", ".join(f"{field} ({characters})" for field, characters in lacking.items())
        raise DataRejected(
            SYSTEM,
            f"the invoice's typeface has no characters for {named}; enter the name and address in "
            "Latin, Greek or Cyrillic letters",
            fields=tuple(lacking),
        )


def _file_stem(invoice: Invoice, word: str) -> str:
    """A file name that every system takes."""
    return f"{word}-{re.sub(r'[^A-Za-z0-9._-]+', '-', invoice.number)}"[:100]
