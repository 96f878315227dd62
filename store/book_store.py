"""The books after billing: invoices posted, payments heard, revenue closed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final

from sqlalchemy import RowMapping, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.engine.parts import ready_or_held
from canonical.engine.story import Event, Post, RevenueClose
from canonical.errors import RuleViolation
from canonical.ids import ContractId, EngagementId, InvoiceId
from canonical.landscape import Landscape, Owner
from canonical.periods import Period
from store.books.drafts import note_posted
from store.books.facts import pending_facts
from store.books.groups import contract_of, read_group
from store.books.hearing import ITEMS_OF
from store.books.ledger import Decision, Ledger, Page
from store.engagements import missing
from store.engine import transaction
from store.tables import invoice


class BookStore:
    """Implements `canonical.records.BookRecords`."""

    def __init__(self, engine: AsyncEngine, ledger: Ledger, landscape: Landscape) -> None:
        self._engine, self._ledger, self._landscape = engine, ledger, landscape

    async def post_invoice(self, invoice_id: InvoiceId) -> None:
        """See the port."""
        async with transaction(self._engine) as connection:
            row = await _posted_row(connection, invoice_id)
            if row["posted_in"] is not None:
                return
            moment = datetime.combine(row["invoice_date"], time.max)
            decision = Decision(
                ContractId(row["contract_id"]),
                f"post/{row['key']}",
                moment.replace(tzinfo=self._ledger.zone(row["legal_entity"])),
                Event(on=moment, post=_posted(row, self._tax(row))),
            )
            page = await self._ledger.tell(connection, decision)
            if page is not None:
                await note_posted(connection, page.chapter, [row["key"]])
        self._ledger.shelve(page)

    async def book_payments(self, invoice_id: InvoiceId, now: datetime) -> None:
        """See the port."""
        async with transaction(self._engine) as connection:
            contract = await connection.scalar(
                select(invoice.c.contract_id).where(invoice.c.id == invoice_id)
            )
            if contract is None:
                raise missing("invoice", invoice_id)
            page = await self._look(connection, ContractId(contract), now)
        self._ledger.shelve(page)

    async def unbilled(self, engagement_id: EngagementId, now: datetime) -> tuple[str, ...]:
        """See the port. The books are asked only about entries whose balance is not all billed."""
        async with transaction(self._engine) as connection:
            found = await connection.scalars(text(_NOT_ALL_BILLED), {"engagement": engagement_id})
            waiting = set(found)
            if not waiting:
                return ()
            contract = await contract_of(connection, engagement_id)
            group, told = await self._ledger.read(connection, contract)
        book = told.telling.books.contracts[contract]
        on = self._ledger.local(now, group.newest).date()
        open_entries = waiting & ready_or_held(told.telling.books, book, on)
        unheard = waiting - book.works.keys()
        words = (
            (len(unheard), "approved entries were not taken by a billing run yet"),
            (len(open_entries), "approved entries are not billed"),
        )
        return tuple(f"{count} {what}" for count, what in words if count)

    async def contracts_to_close(
        self, legal_entity: str, period: Period, after: str, limit: int
    ) -> Sequence[ContractId]:
        """See the port."""
        values = {"entity": legal_entity, "period": period, "after": after, "limit": limit}
        async with transaction(self._engine) as connection:
            found = await connection.scalars(text(_TO_CLOSE), values)
            return [ContractId(each) for each in found]

    async def close_revenue(self, contract: ContractId, period: Period, now: datetime) -> bool:
        """See the port."""
        async with transaction(self._engine) as connection:
            page = await self._close(connection, contract, period, now)
        self._ledger.shelve(page)
        return page is not None and bool(page.made.journals)

    async def _close(
        self, connection: AsyncConnection, contract: ContractId, period: Period, now: datetime
    ) -> Page | None:
        """A period may be closed again: what came since then is recognised, under the next key."""
        times = await connection.scalar(
            text(
                "SELECT count(*) FROM book_chapter WHERE contract_id = CAST(:contract AS uuid)"
                " AND kind = 'revenue_close' AND key LIKE :prefix"
            ),
            {"contract": contract, "prefix": f"close/{contract}/{period}/%"},
        )
        group = await read_group(connection, contract)
        on = self._ledger.local(now, group.newest)
        event = Event(on=on, revenue_close=RevenueClose(period=period, contract=contract))
        key = f"close/{contract}/{period}/{(times or 0) + 1}"
        return await self._ledger.tell(connection, Decision(contract, key, now, event, True))

    async def _look(
        self, connection: AsyncConnection, contract: ContractId, now: datetime
    ) -> Page | None:
        """Bring the books up to date with what waits to be heard, if anything does."""
        group = await read_group(connection, contract)
        facts = await pending_facts(connection, group.own)
        if not facts:
            return None
        return await self._ledger.tell(
            connection, Decision(contract, f"look/{facts[0].key}", now, None)
        )

    def _tax(self, row: RowMapping) -> Decimal | None:
        """The ERP's figure, where the ERP owns the tax."""
        owner = self._landscape.entity(row["legal_entity"]).tax_owner
        booked: Decimal | None = row["booked_tax"]
        return booked if owner is not Owner.ENGINE else None


_NOT_ALL_BILLED: Final = f"""
SELECT w.source || '/' || w.kind || '/' || w.external_id
FROM work_item w JOIN work_item_balance b ON b.item_id = w.id
WHERE {ITEMS_OF} AND b.approved > b.billed - b.credited
"""

# Contracts that bill by an entity: itself, or one of their lines.
_TO_CLOSE: Final = """
SELECT DISTINCT v.contract_id::text AS id FROM contract_version v
JOIN engagement e ON e.id = v.engagement_id
WHERE v.contract_id::text > :after AND e.stage IN ('active', 'closed')
  AND to_char(v.effective_from, 'YYYY-MM') <= :period
  AND (v.body ->> 'legal_entity' = :entity
       OR v.body @? CAST('$.lines[*] ? (@.legal_entity == "' || :entity || '")' AS jsonpath))
ORDER BY 1 LIMIT :limit
"""


def _posted(row: RowMapping, tax: Decimal | None) -> Post:
    """The ERP decided; here it is a fact."""
    return Post(invoice=row["key"], tax=tax, is_fact=True)


async def _posted_row(connection: AsyncConnection, invoice_id: InvoiceId) -> RowMapping:
    found = await connection.execute(select(invoice).where(invoice.c.id == invoice_id))
    row = found.mappings().one_or_none()
    if row is None:
        raise missing("invoice", invoice_id)
    day: date | None = row["invoice_date"]
    if day is None:
        raise RuleViolation(
            f"invoice {row['key']} is not posted in the ERP yet; post it there first"
        )
    return row
