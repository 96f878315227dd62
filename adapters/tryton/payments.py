"""Payments of customer invoices: a feed made from when invoices changed, since Tryton has none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from adapters.tryton.api import Domain, Tryton
from adapters.tryton.books import Books
from adapters.tryton.mapping import OVERLAP, POSTED_STATES, from_cursor, to_cursor, to_payments
from adapters.tryton.rows import Invoice, PaymentLine
from canonical.errors import DataRejected
from canonical.payment import PaymentPage

CHANGE_ORDER = (("write_date", "ASC"), ("id", "ASC"))


class PaymentFeed:
    """An invoice is written when a payment is added to it; its payment lines are read again."""

    def __init__(self, tryton: Tryton, page_size: int) -> None:
        self._tryton = tryton
        self._page_size = page_size

    async def since(self, books: Books, cursor: str) -> AsyncIterator[PaymentPage]:
        """Pages of payments of invoices changed since the cursor, with overlap: repeats are
        normal."""
        after = self._start(cursor)
        while True:
            invoices = await self._changed_after(books, after)
            has_more = len(invoices) == self._page_size
            if invoices:
                after = (invoices[-1].changed_at, invoices[-1].id)
                cursor = to_cursor(*after)
            yield await self._page(books, invoices, cursor, has_more=has_more)
            if not has_more:
                return

    def _start(self, cursor: str) -> tuple[datetime, int] | None:
        if not cursor:
            return None
        try:
            moment, _ = from_cursor(cursor)
        except ValueError as error:
            raise DataRejected(
                self._tryton.system, f"{cursor!r} is not a cursor of this feed", fields=("cursor",)
            ) from error
        return moment - OVERLAP, 0

    async def _changed_after(
        self, books: Books, after: tuple[datetime, int] | None
    ) -> list[Invoice]:
        company = await books.company()
        domain: Domain = [
            ["company", "=", company.id],
            ["type", "=", "out"],
            ["state", "in", sorted(POSTED_STATES)],
            *_later_than(after),
        ]
        return await self._tryton.search_read(
            "account.invoice",
            Invoice,
            domain,
            await books.context(),
            limit=self._page_size,
            order=CHANGE_ORDER,
        )

    async def _page(
        self, books: Books, invoices: Sequence[Invoice], cursor: str, *, has_more: bool
    ) -> PaymentPage:
        ids = sorted({line for invoice in invoices for line in invoice.payment_lines})
        rows = (
            await self._tryton.read("account.move.line", PaymentLine, ids, await books.context())
            if ids
            else []
        )
        lines = {row.id: row for row in rows}
        system = self._tryton.system
        payments = tuple(
            payment for invoice in invoices for payment in to_payments(system, invoice, lines)
        )
        return PaymentPage(payments=payments, cursor=cursor, has_more=has_more)


def _later_than(after: tuple[datetime, int] | None) -> Domain:
    if after is None:
        return []
    moment, record = after
    same_moment: Domain = [["write_date", "=", moment], ["id", ">", record]]
    return [["OR", [["write_date", ">", moment]], same_moment]]
