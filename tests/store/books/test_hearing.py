"""Hearing: what the books are told of an entry, however its source changes it before and after."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.billing import BillingRun
from canonical.engine.story import Credit, CreditedEntry, Event
from canonical.ids import ExternalRef, InvoiceId
from canonical.records import RunSummary
from store.books.ledger import Decision
from store.engine import transaction
from tests import builders as make
from tests.store.books.deciding import decide
from tests.store.books.seeding import another_contract, project_of, set_up
from tests.store.conftest import Store

CONTRACT = make.make_agreement().contract.contract_id
ENTRY = make.make_time_entry()
LATE = make.make_time_entry(approved_at=make.CUTOFF + timedelta(hours=1))
"""Approved after the first cut-off: the first run hears of it, and leaves it."""
NOBODYS = ExternalRef(system=make.PSA, kind="workspace", id="5502")
OTHER = another_contract(1)


def run(number: int, **changes: object) -> BillingRun:
    """The first at the usual cut-off, each other a day after the one before."""
    return make.make_run(number, cutoff=make.CUTOFF + timedelta(days=number - 1), **changes)


async def bill(store: Store, number: int) -> RunSummary:
    billed = run(number)
    return await store.bill(billed, billed.cutoff)


async def billed(store: Store, number: int) -> list[tuple[object, ...]]:
    """Hours and amount of each transaction of a run."""
    await bill(store, number)
    return await store.rows(
        "SELECT quantity, amount FROM billing_transaction WHERE run = :run ORDER BY 1", run=number
    )


async def heard(store: Store) -> list[tuple[object, ...]]:
    """Revision and effect, in order."""
    return await store.rows("SELECT revision, effect FROM book_work ORDER BY chapter_id")


async def credit(store: Store, *entries: CreditedEntry, after_run: int = 1) -> None:
    (invoice,) = await store.column(
        "SELECT key FROM invoice WHERE run = :run AND type = 'invoice'", run=after_run
    )
    on = run(after_run).cutoff + timedelta(hours=2)
    taken = Credit(invoice=str(invoice), credit_note=f"{invoice}-CN", entries=entries)
    event = Event(on=on.date(), credit=taken)
    await decide(store, CONTRACT, f"credit/{invoice}", on, event)


async def only_invoice(store: Store) -> InvoiceId:
    (found,) = await store.column("SELECT id::text FROM invoice WHERE type = 'invoice'")
    return InvoiceId(str(found))


async def test_an_entry_is_heard_when_it_is_approved_and_not_before(active: Store) -> None:
    await active.work.store_items([make.make_time_entry(approved=False, approved_at=None)])
    assert await billed(active, 1) == []
    assert await heard(active) == []
    await active.work.store_items([make.later(ENTRY)])
    assert await billed(active, 2) == [(8, 960)]
    assert await heard(active) == [(2, "approved")]


async def test_an_entry_that_stays_as_it_is_is_heard_once(active: Store) -> None:
    await active.work.store_items([LATE])
    for number in (1, 2, 3):
        await bill(active, number)
    assert await heard(active) == [(1, "approved")]
    assert await active.balance(LATE) == (8, 8, 0, 0)


@pytest.mark.parametrize(
    ("changes", "made"),
    [
        pytest.param({"hours": Decimal(6)}, [(6, 720)], id="fewer hours"),
        pytest.param({"work_date": date(2026, 11, 17)}, [(8, 1120)], id="another day"),
        pytest.param({"billable": False}, [], id="not billable"),
        pytest.param({"approved": False}, [], id="not approved"),
        pytest.param({"work_date": date(2026, 10, 31)}, [], id="before the contract begins"),
        pytest.param({"project": NOBODYS}, [], id="of another project"),
    ],
)
async def test_what_was_heard_and_changes_before_it_is_billed_is_billed_as_it_is_now(
    active: Store, changes: dict[str, object], made: list[tuple[object, ...]]
) -> None:
    await active.work.store_items([LATE])
    assert await billed(active, 1) == []
    await active.work.store_items([make.later(LATE, **changes)])
    assert await billed(active, 2) == made
    assert await active.is_proven()


@pytest.mark.parametrize(
    ("changes", "claimed"),
    [
        pytest.param({"cost": make.euro("50.00")}, "50.00", id="another cost"),
        pytest.param({"description": "in other words"}, "89.90", id="other words"),
        pytest.param({"approved": False}, "0", id="not approved"),
    ],
)
async def test_an_expense_that_changes_before_it_is_billed_is_owed_as_it_is_now(
    active: Store, changes: dict[str, object], claimed: str
) -> None:
    taxi = make.make_expense(approved_at=LATE.approved_at)
    await active.work.store_items([taxi])
    await bill(active, 1)
    told_again = {"version": taxi.version + timedelta(hours=1), **changes}
    await active.work.store_items([taxi.model_copy(update=told_again)])
    await bill(active, 2)
    owed = -sum(
        amount for (_, account), amount in (await active.sums()).items() if account == "2000"
    )
    assert owed == Decimal(claimed)
    assert await active.is_proven()


async def test_a_billed_entry_that_changes_is_gone_until_it_is_credited(active: Store) -> None:
    await active.work.store_items([ENTRY])
    assert await billed(active, 1) == [(8, 960)]
    await active.post(await only_invoice(active))
    await active.work.store_items([make.later(ENTRY, work_date=date(2026, 11, 17))])
    assert await billed(active, 2) == []
    assert await active.column("SELECT cause FROM exception_case") == ["ChangedAfterBilling"]
    await credit(active)
    assert await billed(active, 3) == [(8, 1120)]
    assert await heard(active) == [(1, "approved"), (2, "gone"), (2, "approved")]
    assert await active.is_proven()


async def test_more_hours_on_a_billed_entry_bill_the_difference_alone(active: Store) -> None:
    await active.work.store_items([ENTRY])
    await bill(active, 1)
    await active.work.store_items([make.later(ENTRY, hours=Decimal("10.5"))])
    assert await billed(active, 2) == [(Decimal("2.5"), 300)]
    assert await active.balance(ENTRY) == (Decimal("10.5"), Decimal("10.5"), 0, 0)
    assert await active.is_proven()


async def test_fewer_hours_on_a_billed_entry_wait_for_the_credit_of_the_difference(
    active: Store,
) -> None:
    await active.work.store_items([ENTRY])
    await bill(active, 1)
    await active.post(await only_invoice(active))
    await active.work.store_items([make.later(ENTRY, hours=Decimal(6))])
    assert await billed(active, 2) == []
    assert await active.balance(ENTRY) == (8, 8, 0, 2)
    await credit(active, CreditedEntry(entry="kantata/time/t-1", quantity=Decimal(2)))
    assert await active.balance(ENTRY) == (6, 8, 2, 0)
    assert await billed(active, 3) == []
    assert await heard(active) == [(1, "approved"), (2, "gone"), (2, "approved")]
    assert await active.is_proven()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="as it was"),
        pytest.param({"approved_at": make.CUTOFF, "approved_by": "eve"}, id="by somebody else"),
        pytest.param({"description": "in other words"}, id="in other words"),
    ],
)
async def test_the_approval_of_what_was_billed_as_it_was_billed_needs_no_credit(
    active: Store, changes: dict[str, object]
) -> None:
    await active.work.store_items([ENTRY])
    await bill(active, 1)
    recalled = make.later(ENTRY, approved=False)
    await active.work.store_items([recalled])
    await bill(active, 2)
    await active.work.store_items([make.later(recalled, approved=True, **changes)])
    assert await billed(active, 3) == []
    assert await active.balance(ENTRY) == (8, 8, 0, 0)
    assert [effect for _, effect in await heard(active)] == ["approved", "gone", "approved"]
    assert await active.is_proven()


async def test_an_entry_recalled_and_approved_between_two_runs_keeps_its_first_approval(
    active: Store,
) -> None:
    await active.work.store_items([LATE])
    await bill(active, 1)
    recalled = make.later(LATE, approved=False)
    again = make.later(recalled, approved=True, approved_at=make.CUTOFF + timedelta(days=9))
    await active.work.store_items([recalled])
    await active.work.store_items([again])
    assert await billed(active, 2) == [(8, 960)]
    assert await active.is_proven()


async def test_work_before_the_contract_begins_is_held_until_its_date_is_corrected(
    active: Store,
) -> None:
    early = make.make_time_entry(work_date=date(2026, 10, 31))
    await active.work.store_items([early])
    assert (await bill(active, 1)).held == 1
    assert await active.column("SELECT reason FROM hold") == [
        "its date is before the contract begins on 2026-11-01"
    ]
    await active.work.store_items([make.later(early, work_date=date(2026, 11, 2))])
    summary = await bill(active, 2)
    assert (summary.transactions, summary.held) == (1, 0)


async def test_work_that_is_not_billable_is_neither_billed_nor_held(active: Store) -> None:
    await active.work.store_items([make.make_time_entry(billable=False)])
    summary = await bill(active, 1)
    assert (summary.transactions, summary.held) == (0, 0)
    assert await heard(active) == [(1, "approved")]


async def test_every_version_that_the_books_heard_is_kept(active: Store) -> None:
    entry = LATE
    await active.work.store_items([entry])
    for number, hours in enumerate((7, 6, 5), start=1):
        await bill(active, number) if number == 1 else await look(active, number)
        entry = make.later(entry, hours=Decimal(hours))
        await active.work.store_items([entry])
    archived = await active.rows(
        "SELECT revision, CAST(body ->> 'hours' AS numeric) FROM work_item_archive ORDER BY 1"
    )
    assert archived == [(1, 8), (2, 7), (3, 6)]
    assert await active.is_proven()


async def look(store: Store, number: int) -> None:
    now = run(number).cutoff - timedelta(days=20)
    await decide(store, CONTRACT, f"look/{number}", now, None)


async def test_versions_that_nobody_heard_are_not_kept(active: Store) -> None:
    for hours in (8, 7, 6):
        entry = ENTRY if hours == 8 else make.later(ENTRY, hours=Decimal(hours))
        await active.work.store_items(
            [entry.model_copy(update={"version": ENTRY.version + timedelta(hours=8 - hours)})]
        )
    await bill(active, 1)
    assert await active.count("work_item_archive") == 0


# -- roles -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said", ["Großkundenberater", "GROSSKUNDENBERATER", "  großkundenberater "]
)
async def test_a_role_is_known_however_its_source_writes_it(engine: AsyncEngine, said: str) -> None:
    entity = make.make_entity(roles={"Großkundenberater": "Consultant"})
    store = Store.over(engine, make.make_landscape(entity))
    await store.begin()
    await store.work.store_items([make.make_time_entry(role=said)])
    assert await billed(store, 1) == [(8, 960)]


async def test_a_role_keeps_the_name_that_it_had_when_it_was_heard(engine: AsyncEngine) -> None:
    before = make.make_entity(roles={"adviser": "Consultant"})
    store = Store.over(engine, make.make_landscape(before))
    await store.begin()
    await store.work.store_items([make.make_time_entry("t-1", role="Adviser")])
    await bill(store, 1)
    after = make.make_entity(roles={"adviser": "Architect", "consultant": "Consultant"})
    remapped = Store.over(engine, make.make_landscape(after))
    await remapped.work.store_items([make.make_time_entry("t-2")])
    assert await billed(remapped, 2) == [(8, 960)]


# -- entries that move from one contract to another ------------------------------------------------


async def bill_other(store: Store, number: int) -> RunSummary:
    billed = run(number, engagement_id=OTHER.engagement_id)
    return await store.bill(billed, billed.cutoff)


async def test_an_entry_that_moves_before_it_is_billed_is_billed_by_the_other_contract_alone(
    active: Store,
) -> None:
    await set_up(active.engine, OTHER, project_ref=project_of(1))
    await active.work.store_items([LATE])
    await bill(active, 1)
    await active.work.store_items([make.later(LATE, project=project_of(1))])
    assert (await bill_other(active, 2)).net == make.euro("960.00")
    assert (await bill(active, 2)).transactions == 0
    assert await active.balance(LATE) == (8, 8, 0, 0)
    assert await active.is_proven()


async def test_an_entry_that_moves_after_it_was_billed_waits_for_its_credit(active: Store) -> None:
    await set_up(active.engine, OTHER, project_ref=project_of(1))
    await active.work.store_items([ENTRY])
    await bill(active, 1)
    await active.post(await only_invoice(active))
    await active.work.store_items([make.later(ENTRY, project=project_of(1))])
    assert (await bill_other(active, 2)).transactions == 0
    assert (await bill(active, 2)).transactions == 0
    await credit(active)
    assert (await bill(active, 3)).transactions == 0
    assert (await bill_other(active, 3)).net == make.euro("960.00")
    assert await active.is_proven()


async def test_an_entry_that_moves_away_and_back_is_billed_once(active: Store) -> None:
    await set_up(active.engine, OTHER, project_ref=project_of(1))
    await active.work.store_items([LATE])
    await bill(active, 1)
    away = make.later(LATE, project=project_of(1))
    await active.work.store_items([away])
    assert (await bill_other(active, 2)).transactions == 1
    await active.work.store_items([make.later(away, project=make.PSA_PROJECT)])
    assert (await bill(active, 3)).transactions == 0
    assert (await bill_other(active, 3)).transactions == 0
    assert await active.balance(LATE) == (8, 8, 0, 0)
    assert await active.is_proven()


# -- what changes while it is heard ----------------------------------------------------------------


@asynccontextmanager
async def while_heard(store: Store) -> AsyncIterator[None]:
    """Inside, a chapter has heard what there is and is not committed yet."""
    async with transaction(store.engine) as connection:
        now = make.CUTOFF + timedelta(days=5)
        page = await store.ledger.tell(connection, Decision(CONTRACT, "look", now, None, True))
        yield
    store.ledger.shelve(page)


async def until_it_waits(store: Store, writer: asyncio.Task[object]) -> None:
    """Until a statement of the writer waits for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    async with asyncio.timeout(10), store.engine.connect() as connection:
        while not await connection.scalar(text(waiting)):
            assert not writer.done(), "what was heard could be changed"
            await connection.rollback()  # else it looks at the same moment again


CHANGED_BEFORE = {
    "new": None,
    "billed, and told in other words": {"description": "in other words"},
    "billed, and recalled": {"approved": False},
}


@pytest.mark.parametrize("changes", CHANGED_BEFORE.values(), ids=CHANGED_BEFORE.keys())
async def test_what_is_heard_cannot_change_before_its_chapter_is_kept(
    active: Store, changes: dict[str, object] | None
) -> None:
    entry = ENTRY
    await active.work.store_items([entry])
    if changes is not None:
        await bill(active, 1)
        entry = make.later(entry, **changes)
        await active.work.store_items([entry])
    moved = make.later(entry, approved=True, work_date=date(2026, 11, 17))
    async with while_heard(active):
        writer = asyncio.create_task(active.work.store_items([moved]))
        await until_it_waits(active, writer)
    await writer
    assert await active.is_proven()
    assert (await bill(active, 9)).net == (make.euro("1120.00") if changes is None else None)
    assert await active.is_proven()
