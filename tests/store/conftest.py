"""A store with all its classes, and an engagement brought as far as a test needs it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.agreement import Agreement
from canonical.billing import BillingPreview, BillingRun
from canonical.contract import ContractVersion
from canonical.ids import ContractId, InvoiceId
from canonical.invoice import Invoice
from canonical.landscape import Landscape
from canonical.records import RunSummary
from canonical.transitions import EngagementStage
from canonical.validation import ValidationReport
from canonical.work import Expense, TimeEntry
from store.books.ledger import Ledger
from store.conservation import balance_differences
from store.records import (
    BillingStore,
    BookStore,
    CaseStore,
    EngagementStore,
    EventStore,
    InvoiceStore,
    ReconcileStore,
    WorkStore,
)
from tests import builders as make


@dataclass(frozen=True)
class Store:
    """Every class of the store over one database."""

    engine: AsyncEngine
    ledger: Ledger
    billing: BillingStore
    books: BookStore
    cases: CaseStore
    engagements: EngagementStore
    events: EventStore
    invoices: InvoiceStore
    reconcile: ReconcileStore
    work: WorkStore

    @classmethod
    def over(cls, engine: AsyncEngine, landscape: Landscape) -> Store:
        ledger = Ledger(landscape)
        return cls(
            engine=engine,
            ledger=ledger,
            billing=BillingStore(engine, ledger),
            books=BookStore(engine, ledger, landscape),
            cases=CaseStore(engine),
            engagements=EngagementStore(engine),
            events=EventStore(engine),
            invoices=InvoiceStore(engine),
            reconcile=ReconcileStore(engine, landscape),
            work=WorkStore(engine),
        )

    # -- what is there -----------------------------------------------------------------------------

    async def column(self, query: str, **values: object) -> list[object]:
        """The first column of a query, for looking where no port looks."""
        async with self.engine.connect() as connection:
            return list(await connection.scalars(text(query), values))

    async def rows(self, query: str, **values: object) -> list[tuple[object, ...]]:
        async with self.engine.connect() as connection:
            return [tuple(row) for row in await connection.execute(text(query), values)]

    async def count(self, table: str) -> int:
        (count,) = await self.column(f"SELECT count(*) FROM {table}")
        assert isinstance(count, int)
        return count

    async def balance(self, item: TimeEntry | Expense) -> tuple[object, ...]:
        """(approved, billed, credited, recall pending) of an item."""
        (found,) = await self.rows(
            "SELECT approved, billed, credited, recall_pending FROM work_item_balance"
            " WHERE item_id = CAST(:id AS uuid)",
            id=item.id,
        )
        return found

    async def sums(self) -> dict[tuple[str, str], Decimal]:
        """What the journals come to, by period and account; zeros are left out."""
        found = await self.rows(
            "SELECT j.period, l.account, sum(l.amount) FROM journal_entry j"
            " JOIN journal_line l ON l.journal_id = j.id"
            " GROUP BY 1, 2 HAVING sum(l.amount) <> 0 ORDER BY 1, 2"
        )
        return {(str(period), str(account)): Decimal(str(sum_)) for period, account, sum_ in found}

    async def conserves(self) -> bool:
        async with self.engine.connect() as connection:
            return await balance_differences(connection) == ()

    async def is_proven(self, landscape: Landscape | None = None) -> bool:
        """Told anew from the rows alone, all books come out as they were kept (else LedgerDrift),
        and no entry is billed beyond what is approved."""
        told = Ledger(landscape or make.make_landscape())
        async with self.engine.connect() as connection:
            for contract in await connection.scalars(
                text("SELECT contract_id::text FROM book_state")
            ):
                await told.read(connection, ContractId(contract))
        return await self.conserves()

    # -- what happens ------------------------------------------------------------------------------

    async def hear_deal(self) -> None:
        await self.events.record_event(make.make_deal_closed(), make.RECEIVED_AT)

    async def agree(self, agreement: Agreement | None = None) -> None:
        await self.engagements.record_review(
            make.ENGAGEMENT,
            make.make_deal(),
            ValidationReport(),
            agreement or make.make_agreement(),
        )

    async def activate(self) -> None:
        plan = make.make_agreement().plan
        await self.engagements.link("project", plan.id, make.PSA_PROJECT)
        await self.engagements.set_stage(make.ENGAGEMENT, EngagementStage.ACTIVE)

    async def begin(self, contract: ContractVersion | None = None) -> None:
        """An active engagement, its project linked in the PSA."""
        agreement = make.make_agreement()
        if contract is not None:
            agreement = agreement.model_copy(update={"contract": contract})
        await self.hear_deal()
        await self.agree(agreement)
        await self.activate()

    async def bill(self, run: BillingRun | None = None, now: datetime = make.CUTOFF) -> RunSummary:
        return await self.billing.bill(run or make.make_run(), now)

    async def preview(self, now: datetime = make.CUTOFF) -> BillingPreview:
        return await self.billing.preview(make.ENGAGEMENT, make.PERIOD, now, now)

    async def draft_of(self, run: BillingRun | None = None) -> Invoice:
        """The only draft of a run."""
        (made,) = (await self.bill(run)).invoices
        return await self.invoices.invoice(made)

    async def post(self, invoice: InvoiceId, on: date = make.POSTED_ON, **posted: object) -> None:
        """Post a draft as its workflow does: in the ERP, which books our figures, then here."""
        draft = await self.invoices.invoice(invoice)
        booked = make.make_posted(draft, **{"invoice_date": on, **posted})
        await self.invoices.record_posted(invoice, booked)
        await self.books.post_invoice(invoice)


@pytest.fixture
def store(engine: AsyncEngine) -> Store:
    return Store.over(engine, make.make_landscape())


@pytest_asyncio.fixture
async def active(store: Store) -> Store:
    """An active engagement, its project linked in the PSA."""
    await store.begin()
    return store


@pytest_asyncio.fixture
async def draft(active: Store) -> Invoice:
    """One entry of 960.00 EUR net, 1142.40 EUR gross, on a saved draft."""
    await active.work.store_items([make.make_time_entry()])
    return await active.draft_of()
