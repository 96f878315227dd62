"""The ledger: one decision after the other, all or nothing, and proven before each."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.billing import BillingRun
from canonical.errors import LedgerDrift, RuleViolation
from canonical.ids import InvoiceId
from canonical.landscape import LegalEntity, Owner, TaxPolicy, TaxRule
from canonical.work import Expense, TimeEntry
from store.books.ledger import Decision
from store.books.shelf import Shelf
from store.engine import transaction
from tests import builders as make
from tests.store.books.deciding import decide
from tests.store.conftest import Store

CONTRACT = make.make_agreement().contract.contract_id
KEPT = (
    *("book_chapter", "book_fact", "book_work", "book_state", "journal_entry", "journal_line"),
    *("billing_transaction", "invoice", "hold", "revenue_schedule"),
)


def run(number: int) -> BillingRun:
    return make.make_run(number, cutoff=make.CUTOFF + timedelta(days=number))


async def bill(store: Store, number: int) -> None:
    billed = run(number)
    await store.bill(billed, billed.cutoff)


async def counts(store: Store) -> dict[str, int]:
    return {table: await store.count(table) for table in KEPT}


async def states(store: Store) -> list[tuple[object, ...]]:
    return await store.rows("SELECT chapter_id, digest, journals, transactions FROM book_state")


# -- once, and all or nothing ----------------------------------------------------------------------


async def test_a_decision_told_again_adds_nothing(active: Store) -> None:
    await active.work.store_items([make.make_time_entry()])
    assert await decide(active, CONTRACT, "look", make.CUTOFF, None) is not None
    before = await counts(active)
    await active.work.store_items([make.make_time_entry("t-2")])
    assert await decide(active, CONTRACT, "look", make.CUTOFF, None) is None
    assert await counts(active) == before


class CrashError(Exception):
    """The process ends."""


async def test_a_crash_between_telling_and_committing_leaves_nothing(active: Store) -> None:
    await active.work.store_items([make.make_time_entry()])
    await bill(active, 1)
    before = await counts(active), await states(active)
    await active.work.store_items([make.make_time_entry("t-2")])
    with pytest.raises(CrashError):
        await crash_while_telling(active)
    assert (await counts(active), await states(active)) == before
    await bill(active, 2)
    assert await active.column("SELECT count(*) FROM billing_transaction") == [2]
    assert await active.conserves()


async def crash_while_telling(store: Store) -> None:
    async with transaction(store.engine) as connection:
        now = make.CUTOFF + timedelta(hours=1)
        page = await store.ledger.tell(connection, Decision(CONTRACT, "look", now, None, True))
        assert page is not None
        assert page.made.journals
        raise CrashError


# -- the shelf -------------------------------------------------------------------------------------


async def tell_a_story(engine: AsyncEngine, *, shelved: bool) -> list[tuple[object, ...]]:
    """A month: runs, late work, a posting; each decision by the same process, or by a new one."""
    landscape = make.make_landscape()
    one = Store.over(engine, landscape)

    def store() -> Store:
        return one if shelved else Store.over(engine, landscape)

    await one.begin()
    for number in (1, 2, 3):
        items: list[TimeEntry | Expense] = [
            make.make_time_entry(f"t-{number}"),
            make.make_expense(f"e-{number}"),
        ]
        await one.work.store_items(items)
        await bill(store(), number)
    (first,) = await one.column("SELECT id::text FROM invoice WHERE run = 1")
    draft = await one.invoices.invoice(InvoiceId(str(first)))
    await one.invoices.record_posted(draft.id, make.make_posted(draft))
    await store().books.post_invoice(draft.id)
    await decide(store(), CONTRACT, "look", make.CUTOFF + timedelta(days=30), None)
    journals = await one.rows(
        "SELECT j.number, j.posted_on, j.event, l.account, l.amount FROM journal_entry j"
        " JOIN journal_line l ON l.journal_id = j.id ORDER BY j.id, l.line_no"
    )
    return [*await states(one), *journals]


async def test_books_from_the_shelf_go_on_as_books_told_from_the_rows(
    engine: AsyncEngine, another_engine: AsyncEngine
) -> None:
    assert await tell_a_story(engine, shelved=True) == await tell_a_story(
        another_engine, shelved=False
    )


async def test_books_that_another_process_went_on_with_are_told_again(active: Store) -> None:
    other = Store.over(active.engine, make.make_landscape())
    for number, store in enumerate((active, other, active, other), start=1):
        await store.work.store_items([make.make_time_entry(f"t-{number}")])
        await bill(store, number)
    assert await active.column("SELECT sum(amount) FROM billing_transaction") == [3840]
    assert await active.conserves()


async def test_a_shelf_that_is_too_full_throws_books_away(active: Store) -> None:
    await active.work.store_items([make.make_time_entry(f"t-{number}") for number in range(3)])
    async with active.engine.connect() as connection:
        group, told = await active.ledger.read(connection, CONTRACT)
    shelf = Shelf(entries_max=0)
    shelf.put(group.contracts, told)
    assert shelf.take(group.contracts, told.chapter, told.fingerprint) is told
    await bill(active, 1)
    async with active.engine.connect() as connection:
        group, told = await active.ledger.read(connection, CONTRACT)
    shelf.put(group.contracts, told)
    assert shelf.take(group.contracts, told.chapter, told.fingerprint) is None


# -- a past that changed ---------------------------------------------------------------------------


def taxed(rate: str, *more: TaxRule, owner: Owner = Owner.ENGINE) -> LegalEntity:
    """The entity with another rate of its domestic tax, as if it had been so for ever."""
    entity = make.make_entity(tax_owner=owner)
    first, *others = entity.taxes
    changed = first.model_copy(update={"rate": Decimal(rate)})
    return entity.model_copy(update={"taxes": (changed, *others, *more)})


async def posted(engine: AsyncEngine, owner: Owner) -> Store:
    """An invoice is posted, with 19 % of tax."""
    store = Store.over(engine, make.make_landscape(taxed("0.19", owner=owner)))
    await store.begin()
    await store.work.store_items([make.make_time_entry()])
    draft = await store.draft_of()
    await store.post(draft.id)
    return store


@pytest.mark.parametrize("owner", [Owner.ENGINE, Owner.ERP])
async def test_a_tax_that_was_changed_for_the_past_stops_the_contract(
    engine: AsyncEngine, owner: Owner
) -> None:
    store = await posted(engine, owner)
    before = await counts(store), await states(store)
    changed = Store.over(engine, make.make_landscape(taxed("0.16", owner=owner)))
    await store.work.store_items([make.make_time_entry("t-2")])
    with pytest.raises(LedgerDrift, match="cannot be proven"):
        await bill(changed, 2)
    with pytest.raises(LedgerDrift):
        await decide(changed, CONTRACT, "look", make.CUTOFF, None)
    assert (await counts(store), await states(store)) == before
    await bill(store, 2)  # with the tax as it was


async def test_a_tax_that_changes_from_a_day_on_changes_nothing_before(engine: AsyncEngine) -> None:
    await posted(engine, Owner.ENGINE)
    raised = TaxRule(
        code="DE19",
        category=make.make_entity().taxes[0].category,
        rate=Decimal("0.21"),
        effective_from=date(2026, 11, 10),
        erp_tax="DE21",
    )
    store = Store.over(engine, make.make_landscape(taxed("0.19", raised)))
    later = make.make_time_entry("t-2", work_date=date(2026, 11, 12))
    await store.work.store_items([later])
    await bill(store, 2)
    assert await store.column("SELECT tax FROM invoice ORDER BY run") == [
        Decimal("182.40"),
        Decimal("201.60"),
    ]


async def test_a_tax_code_that_is_mapped_no_more_is_named(engine: AsyncEngine) -> None:
    await posted(engine, Owner.ENGINE)
    entity = make.make_entity(
        taxes=make.make_entity().taxes[1:], tax_policy=TaxPolicy(domestic="RC")
    )
    store = Store.over(engine, make.make_landscape(entity))
    with pytest.raises(RuleViolation, match="tax code 'DE19' is not mapped"):
        await bill(store, 2)


async def test_a_book_that_lost_a_journal_is_not_proven(active: Store) -> None:
    await active.work.store_items([make.make_time_entry()])
    await bill(active, 1)
    async with transaction(active.engine) as connection:
        await connection.exec_driver_sql("UPDATE book_state SET journals = journals + 1")
    fresh = Store.over(active.engine, make.make_landscape())
    with pytest.raises(LedgerDrift, match=r"2 journals .* were kept, 1"):
        await bill(fresh, 2)


# -- as of a day -----------------------------------------------------------------------------------


async def test_the_books_of_a_day_are_those_told_by_then(active: Store) -> None:
    await active.work.store_items([make.make_time_entry()])
    await bill(active, 1)
    await active.work.store_items([make.make_time_entry("t-2")])
    await bill(active, 2)
    billed = {}
    async with active.engine.connect() as connection:
        for day in (2, 3, 4):
            _, told = await active.ledger.as_of(connection, CONTRACT, date(2026, 12, day))
            billed[day] = len(told.telling.books.transactions)
    assert billed == {2: 0, 3: 1, 4: 2}
