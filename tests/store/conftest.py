"""A store with all its classes, and an engagement brought as far as a test needs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.agreement import Agreement
from canonical.billing import BillingRun, RunOutcome
from canonical.invoice import Invoice
from canonical.invoicing import build_invoice
from canonical.rating import rate
from canonical.records import ChunkBilled
from canonical.rules.context import RatedItem
from canonical.transitions import EngagementStage
from canonical.validation import ValidationReport
from canonical.work import Expense, TimeEntry
from store.conservation import balance_differences
from store.records import (
    BillingStore,
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
    billing: BillingStore
    cases: CaseStore
    engagements: EngagementStore
    events: EventStore
    invoices: InvoiceStore
    reconcile: ReconcileStore
    work: WorkStore

    async def column(self, query: str, **values: object) -> list[object]:
        """The first column of a query, for looking where no port looks."""
        async with self.engine.connect() as connection:
            return list(await connection.scalars(text(query), values))

    async def balance(self, item: TimeEntry | Expense) -> tuple[object, ...]:
        """(approved, billed, credited, recall pending) of an item."""
        async with self.engine.connect() as connection:
            found = await connection.execute(
                text(
                    "SELECT approved, billed, credited, recall_pending FROM work_item_balance"
                    " WHERE item_id = CAST(:id AS uuid)"
                ),
                {"id": item.id},
            )
            return tuple(found.one())

    async def conserves(self) -> bool:
        async with self.engine.connect() as connection:
            return await balance_differences(connection) == ()

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

    async def offered(self, run: int = 1) -> list[RatedItem]:
        """What a run would be offered; it stores nothing but the run."""
        seen: list[RatedItem] = []

        def look(items: Sequence[RatedItem]) -> RunOutcome:
            seen.extend(items)
            return RunOutcome()

        await self.billing.bill_chunk(make.make_run(run), None, 100, make.GO_LIVE, look)
        return seen

    async def bill(self, run: BillingRun | None = None, limit: int = 5_000) -> ChunkBilled:
        return await self.billing.bill_chunk(
            run or make.make_run(), None, limit, make.GO_LIVE, pricing(run or make.make_run())
        )


def pricing(run: BillingRun) -> Callable[[Sequence[RatedItem]], RunOutcome]:
    """The rules, as a billing run calls them."""
    versions, entity = (make.make_agreement().contract,), make.make_entity()
    return lambda items: rate(run, versions, entity, items)


@pytest.fixture
def store(engine: AsyncEngine) -> Store:
    return Store(
        engine=engine,
        billing=BillingStore(engine),
        cases=CaseStore(engine),
        engagements=EngagementStore(engine),
        events=EventStore(engine),
        invoices=InvoiceStore(engine),
        reconcile=ReconcileStore(engine, make.make_landscape()),
        work=WorkStore(engine),
    )


@pytest_asyncio.fixture
async def active(store: Store) -> Store:
    """An active engagement, its project linked in the PSA."""
    await store.hear_deal()
    await store.agree()
    await store.activate()
    return store


@pytest_asyncio.fixture
async def draft(active: Store) -> Invoice:
    """One entry of 960.00 EUR net, 1142.40 EUR gross, on a saved draft."""
    await active.work.store_items([make.make_time_entry()])
    run = make.make_run()
    await active.bill(run)
    made = [each async for page in active.billing.run_transactions(run) for each in page]
    agreement = make.make_agreement()
    invoice = build_invoice(run, agreement.contract, make.make_entity(), agreement.plan.code, made)
    await active.billing.save_invoices(run, [invoice])
    return invoice
