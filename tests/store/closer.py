"""Journals in the books of one entity and period, and the store that seals them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.ids import ExternalRef
from canonical.journal_entry import PostedEntry
from canonical.landscape import Owner
from canonical.ledger.accounts import Account
from canonical.ledger.transfer import Transfer, transfer
from canonical.revenue import PeriodBooks, SealedEntry, Sealing
from store.revenue_closes import RevenueStore
from tests import builders as make

PERIOD = "2026-10"
LAST = date(2026, 10, 31)
RECORD = ExternalRef(system=make.ERP, kind="entry", id="7")

CHAPTER = """
INSERT INTO book_chapter (contract_id, kind, key, told_on, locked)
VALUES (CAST(:contract AS uuid), 'look', :key, now(), '{}') RETURNING id
"""
JOURNAL = """
INSERT INTO journal_entry (chapter_id, number, contract_id, legal_entity, posted_on, period,
    currency, document_currency, event, owner, document)
VALUES (:chapter, 1, CAST(:contract AS uuid), :entity, :on, to_char(CAST(:on AS date), 'YYYY-MM'),
    'EUR', 'EUR', 'revenue', :owner, '') RETURNING id
"""
LINE = """
INSERT INTO journal_line (journal_id, line_no, account, amount, currency, document_amount,
    document_currency, contract)
VALUES (:journal, :number, :account, :amount, 'EUR', :amount, 'EUR', :contract)
"""


@dataclass
class Closer:
    """Journals in the books, and the store that seals them."""

    engine: AsyncEngine
    records: RevenueStore
    made: int = 0
    """How often an entry was computed."""

    async def earn(
        self,
        amount: str,
        *,
        on: date = LAST,
        entity: str = make.ENTITY,
        owner: Owner = Owner.ENGINE,
    ) -> None:
        """Revenue of a contract of its own, not billed yet."""
        contract = str(uuid4())
        async with self.engine.begin() as connection:
            values = {"contract": contract, "key": contract}
            chapter = await connection.scalar(text(CHAPTER), values)
            journal = await connection.scalar(
                text(JOURNAL),
                {
                    "chapter": chapter,
                    "contract": contract,
                    "entity": entity,
                    "on": on,
                    "owner": owner.value,
                },
            )
            sides = ((Account.CONTRACT_ASSET, amount), (Account.SERVICE_REVENUE, f"-{amount}"))
            for number, (account, value) in enumerate(sides, start=1):
                line = {"journal": journal, "number": number, "contract": contract}
                line |= {"account": account.value, "amount": Decimal(value)}
                await connection.execute(text(LINE), line)

    async def seal(self) -> Sealing:
        return await self.records.seal_entry(make.ENTITY, PERIOD, self._make)

    async def sealed(self) -> SealedEntry:
        sealing = await self.seal()
        assert sealing.sealed is not None
        return sealing.sealed

    def _make(self, books: PeriodBooks) -> Transfer:
        self.made += 1
        entity = make.make_entity()
        return transfer(entity, PERIOD, LAST, books.journals, books.bookings, sent=books.sent)

    async def post(
        self, sealed: SealedEntry, number: str = "MOV-1", record: ExternalRef = RECORD
    ) -> PostedEntry:
        posted = PostedEntry(
            reference=record,
            key=sealed.entry.key,
            number=number,
            posted=True,
            on=LAST,
            lines=sealed.entry.lines,
        )
        await self.records.open_posting(sealed.entry.key, make.ERP)
        await self.records.bind_posting(sealed.entry.key, record)
        await self.records.record_entry(posted)
        return posted
