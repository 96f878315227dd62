"""What people look at: where engagements and invoices stand, and which cases are open."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.case import Case, CaseState
from canonical.ids import EngagementId, ExternalRef, InvoiceId
from canonical.landscape import Owner
from canonical.money import Money
from canonical.records import EngagementRecord, InvoiceStanding
from store import references
from store.books.hearing import ITEMS_OF
from store.engagements import EngagementStore
from store.engine import transaction
from store.invoices import InvoiceStore
from store.tables import (
    billing_transaction,
    engagement,
    exception_case,
    invoice,
    journal_entry,
    journal_line,
    posting,
)

ROWS_MAX = 1_000


class Overview:
    """Read-only; lists are cut at `ROWS_MAX`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._engagements, self._invoices = EngagementStore(engine), InvoiceStore(engine)

    async def engagements(self) -> Sequence[EngagementRecord]:
        """All engagements, by id."""
        query = select(engagement.c.id).order_by(engagement.c.id).limit(ROWS_MAX)
        async with transaction(self._engine) as connection:
            ids = (await connection.execute(query)).scalars().all()
        return [await self._engagements.engagement(EngagementId(each)) for each in ids]

    async def invoices(self, engagement_id: EngagementId) -> Sequence[InvoiceStanding]:
        """The invoices of an engagement, oldest first."""
        query = (
            select(invoice.c.id)
            .where(invoice.c.engagement_id == engagement_id)
            .order_by(invoice.c.period, invoice.c.run, invoice.c.sequence)
            .limit(ROWS_MAX)
        )
        async with transaction(self._engine) as connection:
            ids = (await connection.execute(query)).scalars().all()
        return [await self._invoices.standing(InvoiceId(each)) for each in ids]

    async def transactions(self, engagement_id: EngagementId) -> int:
        """How many billing transactions an engagement has."""
        query = select(func.count()).where(billing_transaction.c.engagement_id == engagement_id)
        async with transaction(self._engine) as connection:
            return int(await connection.scalar(query) or 0)

    async def work_items(self, engagement_id: EngagementId) -> int:
        """How many entries of an engagement's project were heard of, approved or not."""
        query = text(f"SELECT count(*) FROM work_item w WHERE {ITEMS_OF}")
        async with transaction(self._engine) as connection:
            return int(await connection.scalar(query, {"engagement": engagement_id}) or 0)

    async def posted_as(self, invoice_id: InvoiceId) -> ExternalRef | None:
        """The ERP's record that is bound to an invoice, if any is."""
        async with transaction(self._engine) as connection:
            key = await connection.scalar(select(invoice.c.key).where(invoice.c.id == invoice_id))
            row = (
                (await connection.execute(select(posting).where(posting.c.key == key)))
                .mappings()
                .first()
            )
        return None if row is None else references.read("reference", row)

    async def open_cases(self) -> Sequence[Case]:
        """Open cases, oldest first."""
        query = (
            select(exception_case)
            .where(exception_case.c.state == CaseState.OPEN.value)
            .order_by(exception_case.c.opened_at)
            .limit(ROWS_MAX)
        )
        async with transaction(self._engine) as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [
            Case(
                id=row["id"],
                process=row["process"],
                cause=row["cause"],
                subject=row["subject"],
                owner=row["owner"],
                message=row["message"],
                next_step=row["next_step"],
                legal_entity=row["legal_entity"],
                amount=None
                if row["amount"] is None
                else Money(amount=row["amount"], currency=row["currency"]),
                state=row["state"],
                opened_at=row["opened_at"],
                occurrences=row["occurrences"],
            )
            for row in rows
        ]


async def account_balances(engine: AsyncEngine, legal_entity: str) -> dict[str, Decimal]:
    """Balances of an entity's ledger in its currency, by account (debits positive); those that are
    zero, and journals that only the ERP keeps, are left out."""
    columns = journal_line.c
    query = (
        select(columns.account, func.sum(columns.amount))
        .join(journal_entry, journal_entry.c.id == columns.journal_id)
        .where(
            journal_entry.c.legal_entity == legal_entity,
            journal_entry.c.owner == Owner.ENGINE.value,
        )
        .group_by(columns.account)
        .order_by(columns.account)
    )
    async with transaction(engine) as connection:
        found = await connection.execute(query)
        return {str(account): balance for account, balance in found if balance}
