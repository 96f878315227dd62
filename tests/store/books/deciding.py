"""Decisions that no port takes yet, told to the ledger and kept as a billing run keeps its own."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.billing import BillingRun
from canonical.engine.story import Event
from canonical.ids import ContractId, EngagementId
from canonical.periods import period_of
from store.books.drafts import invoices_of, keep_invoices, note_posted
from store.books.keeping import keep_transactions, words_of
from store.books.ledger import Decision, Page
from store.engine import transaction
from store.tables import billing_run
from tests.store.conftest import Store


async def decide(
    store: Store,
    contract: ContractId,
    key: str,
    now: datetime,
    event: Event | None,
    *,
    hears_work: bool = True,
) -> Page | None:
    """None when it was told before."""
    async with transaction(store.engine) as connection:
        decision = Decision(contract, key, now, event, hears_work)
        page = await store.ledger.tell(connection, decision)
        if page is not None:
            await _keep(connection, page)
    store.ledger.shelve(page)
    return page


async def _keep(connection: AsyncConnection, page: Page) -> None:
    """What each contract of the books got, under a run of its own."""
    made = page.made
    words = await words_of(connection, page.books, made.transactions)
    for contract in dict.fromkeys(document.contract for document in made.documents):
        run = await _open_run(connection, page, contract)
        rows = [row for row in made.transactions if row.contract == contract]
        await keep_transactions(connection, page.chapter, run, rows, words)
        documents = [each for each in made.documents if each.contract == contract]
        version = page.books.contracts[contract].terms.at(page.told_on.date())
        drafts = await invoices_of(
            connection, documents, page.books.transactions, run, version, words
        )
        posted = [(draft, page.books.documents[draft.key].posted) for draft in drafts]
        await keep_invoices(connection, page.chapter, posted)
    await note_posted(connection, page.chapter, [document.id for document in made.posted])


async def _open_run(connection: AsyncConnection, page: Page, contract: str) -> BillingRun:
    versions = [each for each in page.group.versions if each.contract_id == contract]
    engagement = EngagementId(versions[0].engagement_id)
    period, columns = period_of(page.told_on.date()), billing_run.c
    last = await connection.scalar(
        select(func.max(columns.run)).where(
            columns.engagement_id == engagement, columns.period == period
        )
    )
    cutoff = page.told_on.replace(tzinfo=UTC)
    run = BillingRun(engagement_id=engagement, period=period, cutoff=cutoff, run=(last or 0) + 1)
    await connection.execute(
        insert(billing_run).values(
            engagement_id=engagement, period=period, run=run.run, cutoff=cutoff, state="finished"
        )
    )
    return run
