"""Periods: what is posted while one is locked goes into it or into the next, never in between."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.contract import ContractVersion, TimeAndMaterialsLine
from canonical.errors import RuleViolation
from canonical.events import PeriodLocked
from canonical.terms.lines import TransferPrice
from store.books.ledger import Decision
from store.engine import transaction
from tests import builders as make
from tests.store.books.seeding import set_up
from tests.store.conftest import Store

CONTRACT = make.make_agreement().contract.contract_id
NOVEMBER, DECEMBER = "2026-11", "2026-12"


def locked(period: str = NOVEMBER, entity: str = make.ENTITY) -> PeriodLocked:
    return PeriodLocked(
        id=f"{entity}/{period}",
        source=make.ERP,
        occurred_at=make.CUTOFF,
        legal_entity=entity,
        period=period,
    )


async def lock(store: Store, period: str = NOVEMBER, entity: str = make.ENTITY) -> None:
    await store.events.record_event(locked(period, entity), make.RECEIVED_AT)


async def periods(store: Store, entity: str = make.ENTITY) -> list[object]:
    """Of the journals, in their order."""
    return await store.column(
        "SELECT period FROM journal_entry WHERE legal_entity = :entity ORDER BY id", entity=entity
    )


async def test_work_of_a_locked_period_is_earned_in_the_next_and_keeps_its_service_period(
    active: Store,
) -> None:
    await active.work.store_items([make.make_time_entry()])
    await lock(active)
    await active.bill()
    assert await active.rows("SELECT period, service_period FROM journal_entry") == [
        (DECEMBER, NOVEMBER)
    ]


async def test_what_was_told_before_a_lock_stays_in_its_period(active: Store) -> None:
    await active.work.store_items([make.make_time_entry()])
    await active.bill()
    await lock(active)
    await active.work.store_items([make.make_time_entry("t-2")])
    later = make.make_run(2, cutoff=make.CUTOFF + timedelta(days=1))
    await active.bill(later, later.cutoff)
    assert await periods(active) == [NOVEMBER, DECEMBER]


async def test_a_lock_waits_for_the_decision_that_posts_and_holds_for_the_next(
    active: Store,
) -> None:
    await active.work.store_items([make.make_time_entry()])
    async with transaction(active.engine) as connection:
        decision = Decision(CONTRACT, "look", make.CUTOFF, None, True)
        await active.ledger.tell(connection, decision)
        closing = asyncio.create_task(lock(active))
        await until_one_waits(active, closing)
    await closing
    await active.work.store_items([make.make_time_entry("t-2")])
    await active.bill()
    assert await periods(active) == [NOVEMBER, DECEMBER]


async def until_one_waits(store: Store, task: asyncio.Task[None]) -> None:
    """Until a statement of the task waits for a lock."""
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    async with asyncio.timeout(10), store.engine.connect() as connection:
        while not await connection.scalar(waiting):
            assert not task.done(), "it did not wait"
            await connection.rollback()


@pytest.mark.parametrize("number", range(3))
async def test_a_decision_that_races_with_a_lock_posts_before_it_or_into_the_next_period(
    active: Store, number: int
) -> None:
    await active.work.store_items([make.make_time_entry(f"t-{n}") for n in range(40 * number + 1)])
    await asyncio.gather(active.bill(), lock(active))
    (knew,) = await active.column("SELECT locked ->> :entity FROM book_chapter", entity=make.ENTITY)
    assert await periods(active) == [DECEMBER if knew else NOVEMBER]


# -- entities that only do the work ----------------------------------------------------------------

POLAND = "NORTH-PL"


def transferred() -> ContractVersion:
    """Germany bills, and pays 70 % of its rates to whom did the work."""
    version = make.make_agreement().contract
    (line, expenses) = version.lines
    assert isinstance(line, TimeAndMaterialsLine)
    price = TransferPrice(percent_of_rate=Decimal(70))
    return version.model_copy(
        update={"lines": (line.model_copy(update={"transfer_price": price}), expenses)}
    )


@pytest.fixture
def landscape_of_two(engine: AsyncEngine) -> Store:
    poland = make.make_entity(code=POLAND, country="PL")
    return Store.over(engine, make.make_landscape(make.make_entity(), poland))


async def test_the_period_of_an_entity_that_did_the_work_is_not_locked_meanwhile(
    landscape_of_two: Store,
) -> None:
    store = landscape_of_two
    await set_up(store.engine, transferred())
    await store.work.store_items([make.make_time_entry(legal_entity=POLAND)])
    async with transaction(store.engine) as connection:
        decision = Decision(CONTRACT, "look", make.CUTOFF, None, True)
        await store.ledger.tell(connection, decision)
        closing = asyncio.create_task(lock(store, entity=POLAND))
        await until_one_waits(store, closing)
    await closing
    await store.work.store_items([make.make_time_entry("t-2", legal_entity=POLAND)])
    await store.bill()
    assert await periods(store, POLAND) == [NOVEMBER, DECEMBER]


# -- closing revenue -------------------------------------------------------------------------------


async def test_a_locked_period_is_not_closed_again(active: Store) -> None:
    await active.work.store_items([make.make_time_entry()])
    await lock(active)
    with pytest.raises(RuleViolation, match="period 2026-11 of NORTH-DE is locked"):
        await active.books.close_revenue(CONTRACT, NOVEMBER, make.CUTOFF)
    assert await active.count("book_chapter") == 0


async def test_a_close_posts_what_was_approved_since_and_closed_again_nothing(
    active: Store,
) -> None:
    await active.work.store_items([make.make_time_entry()])
    assert await active.books.close_revenue(CONTRACT, NOVEMBER, make.CUTOFF)
    assert not await active.books.close_revenue(CONTRACT, NOVEMBER, make.CUTOFF)
    assert await periods(active) == [NOVEMBER]
    await active.work.store_items([make.make_time_entry("t-2")])
    assert await active.books.close_revenue(CONTRACT, NOVEMBER, make.CUTOFF)
    assert (await active.sums())[NOVEMBER, "4000"] == Decimal("-1920.00")


SUBMITTED = make.make_time_entry("s-1", submitted=True, approved=False, approved_at=None)


async def accruing(store: Store) -> None:
    contract = make.make_agreement().contract
    await store.begin(contract.model_copy(update={"accrue_unapproved": True}))
    await store.work.store_items([SUBMITTED])


async def test_submitted_time_is_accrued_at_a_close_and_reversed_on_day_one(store: Store) -> None:
    await accruing(store)
    assert await store.books.close_revenue(CONTRACT, NOVEMBER, make.CUTOFF)
    assert await store.sums() == {
        (NOVEMBER, "1200"): Decimal(960),
        (NOVEMBER, "4000"): Decimal(-960),
        (DECEMBER, "1200"): Decimal(-960),
        (DECEMBER, "4000"): Decimal(960),
    }


async def test_submitted_time_is_accrued_once_however_often_its_period_is_closed(
    store: Store,
) -> None:
    await accruing(store)
    for _ in range(3):
        await store.books.close_revenue(CONTRACT, NOVEMBER, make.CUTOFF)
    assert (await store.sums())[NOVEMBER, "4000"] == Decimal(-960)


async def test_submitted_time_that_is_approved_meanwhile_is_earned_once(store: Store) -> None:
    await accruing(store)
    await store.books.close_revenue(CONTRACT, NOVEMBER, make.CUTOFF)
    approved = make.later(SUBMITTED, submitted=False, approved=True, approved_at=make.CUTOFF)
    await store.work.store_items([approved])
    later = make.CUTOFF + timedelta(days=1)
    await store.books.close_revenue(CONTRACT, NOVEMBER, later)
    assert (await store.sums())[NOVEMBER, "4000"] == Decimal(-960)


async def test_submitted_time_that_is_withdrawn_is_not_accrued_any_more(store: Store) -> None:
    await accruing(store)
    await store.books.close_revenue(CONTRACT, NOVEMBER, make.CUTOFF)
    await store.work.store_items([make.later(SUBMITTED, submitted=False)])
    await store.books.close_revenue(CONTRACT, NOVEMBER, make.CUTOFF)
    assert await store.sums() == {}


async def test_submitted_time_is_not_earned_where_the_contract_does_not_say_so(
    active: Store,
) -> None:
    await active.work.store_items([SUBMITTED])
    assert not await active.books.close_revenue(CONTRACT, NOVEMBER, make.CUTOFF)
