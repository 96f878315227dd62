"""Customer invoices: drafts that carry our key, posting, reading back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date

from pydantic import TypeAdapter

from adapters.http import Effect
from adapters.tryton.api import POST_TIMEOUT_S, Domain, Tryton, Values
from adapters.tryton.books import Books
from adapters.tryton.errors import ConfirmationNeeded
from adapters.tryton.mapping import (
    POSTED_STATES,
    dated_between,
    line_values,
    new_invoice,
)
from adapters.tryton.rows import Invoice, PartyDefaults, State
from canonical.errors import DataRejected, RecordMissing
from canonical.invoice import Invoice as OurInvoice
from canonical.invoice import InvoiceLine
from canonical.taxation import erp_tax_of

MODEL = "account.invoice"
WARNINGS_MAX = 5
SAME_KEY_MAX = 100

_PARTY_DEFAULTS = TypeAdapter(PartyDefaults)
_REPORT: TypeAdapter[tuple[str, bytes, bool, str]] = TypeAdapter(tuple[str, bytes, bool, str])


class Invoices:
    """`reference` holds our key. The posting protocol keeps it unique; the database does not."""

    def __init__(self, tryton: Tryton, page_size: int, skip_warnings: Sequence[str]) -> None:
        self._tryton = tryton
        self._page_size = page_size
        self._skip_warnings = frozenset(skip_warnings)

    async def with_key(self, books: Books, key: str) -> list[Invoice]:
        """Those that are not cancelled, oldest first."""
        company = await books.company()
        domain: Domain = [
            ["company", "=", company.id],
            ["type", "=", "out"],
            ["reference", "=", key],
            ["state", "!=", State.CANCELLED.value],
        ]
        return await self._search(domain, await books.context(), SAME_KEY_MAX)

    async def read(self, invoice: int, context: Values) -> Invoice:
        """Raises RecordMissing."""
        found = await self._search([["id", "=", invoice]], context, 1)
        if not found:
            raise RecordMissing(self._tryton.system, f"there is no invoice {invoice}")
        return found[0]

    async def create(self, books: Books, invoice: OurInvoice, party: int, key: str) -> int:
        """A draft; not idempotent."""
        defaults = await self._party_defaults(books, party)
        records = {
            "company": (await books.company()).id,
            "currency": await books.currency(invoice.currency),
            "journal": await books.journal(),
            "payment_term": await books.payment_term(invoice.net_days),
        }
        lines = [await self._line(books, invoice, line) for line in invoice.lines]
        values = new_invoice(invoice, key, party, defaults, records, lines)
        (created,) = await self._tryton.create(MODEL, [values], await books.context())
        return created

    async def post(self, invoice: int, invoice_date: date, context: Values) -> Invoice:
        """Date it and post it. One that is posted already is read back as it is."""
        row = await self.read(invoice, context)
        if row.state is State.CANCELLED:
            raise DataRejected(
                self._tryton.system,
                f"invoice {row.reference} is cancelled; reopen it there or draft it again",
                fields=("state",),
            )
        if row.state not in POSTED_STATES:
            await self._date(row, invoice_date, context)
            await self._click_post(invoice, context)
            row = await self.read(invoice, context)
        return row

    async def delete_draft(self, invoice: int, key: str, context: Values) -> None:
        """Raises DataRejected for what is no draft of ours any more."""
        found = await self._search([["id", "=", invoice]], context, 1)
        if not found or found[0].state is State.CANCELLED:
            return
        if found[0].state is not State.DRAFT or found[0].reference != key:
            raise DataRejected(
                self._tryton.system,
                f"invoice {found[0].number or invoice} is {found[0].state.value} with reference "
                f"{found[0].reference!r}: it is no draft for {key!r} and is not deleted",
                fields=("state",),
            )
        await self._tryton.delete(MODEL, [invoice], context)

    async def document(self, invoice: int, context: Values) -> tuple[str, bytes]:
        """The server's own rendering (OpenDocument). Raises RecordMissing, DataRejected."""
        row = await self.read(invoice, context)
        if row.state not in POSTED_STATES:
            raise DataRejected(
                self._tryton.system, f"invoice {row.reference} is not posted", fields=("state",)
            )
        method = f"report.{MODEL}.execute"
        result = await self._tryton.call(
            method, [[invoice], {}, context], Effect.READ, timeout_s=POST_TIMEOUT_S
        )
        extension, content, _, _ = self._tryton.parsed(_REPORT, result, method)
        return f"{row.number}.{extension}", content

    async def posted_between(
        self, books: Books, first: date, last: date
    ) -> AsyncIterator[list[Invoice]]:
        """Pages of all posted customer invoices of the company, ours or not, by id."""
        company, after = await books.company(), 0
        while True:
            domain: Domain = [
                ["company", "=", company.id],
                ["type", "=", "out"],
                ["state", "in", sorted(POSTED_STATES)],
                ["id", ">", after],
                *dated_between(first, last),
            ]
            page = await self._search(domain, await books.context(), self._page_size)
            if page:
                yield page
            if len(page) < self._page_size:
                return
            after = page[-1].id

    async def _search(self, domain: Domain, context: Values, limit: int) -> list[Invoice]:
        return await self._tryton.search_read(MODEL, Invoice, domain, context, limit=limit)

    async def _party_defaults(self, books: Books, party: int) -> PartyDefaults:
        company = await books.company()
        method = f"model.{MODEL}.on_change"
        values: Values = {"type": "out", "company": company.id, "party": party}
        result = await self._tryton.call(
            method, [values, ["party"], await books.context()], Effect.READ
        )
        return self._tryton.parsed(_PARTY_DEFAULTS, result, method)

    async def _line(self, books: Books, invoice: OurInvoice, line: InvoiceLine) -> Values:
        taxed_on = line.taxed_on or invoice.service_to
        tax = erp_tax_of(books.entity, line.tax_code, taxed_on)
        records = {
            "company": (await books.company()).id,
            "currency": await books.currency(invoice.currency),
            "product": await books.product(line.kind),
            "unit": await books.unit(),
            "account": await books.account(line.kind),
        }
        taxes = [] if tax is None else [await books.tax(tax)]
        return line_values(line.description, line.net, records, taxes)

    async def _date(self, row: Invoice, invoice_date: date, context: Values) -> None:
        """The terms count from the invoice date; the server would count from its own today."""
        if (row.invoice_date, row.payment_term_date) != (invoice_date, invoice_date):
            dates: Values = {"invoice_date": invoice_date, "payment_term_date": invoice_date}
            await self._tryton.write(MODEL, [row.id], dates, context)

    async def _click_post(self, invoice: int, context: Values) -> None:
        """Post, confirming the warnings that need no person. Posted meanwhile is a success."""
        for _ in range(WARNINGS_MAX):
            try:
                await self._tryton.button(MODEL, "post", [invoice], context)
            except ConfirmationNeeded as needed:
                if needed.kind not in self._skip_warnings:
                    raise
                await self._tryton.skip_warning(needed.warning, context)
            except DataRejected:
                if (await self.read(invoice, context)).state not in POSTED_STATES:
                    raise
                return
            else:
                return
        raise DataRejected(self._tryton.system, f"posting invoice {invoice} keeps warning")
