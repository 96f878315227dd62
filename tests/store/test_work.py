"""Work items: the newest version counts, a recall is always storable, totals are comparable."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from canonical.errors import DataRejected, RuleViolation
from canonical.records import ItemsStored
from canonical.work import WORK_ITEM
from tests import builders as make
from tests.store.conftest import Store

ENTRY = make.make_time_entry()


async def test_an_item_is_new_once_and_then_unchanged(store: Store) -> None:
    assert await store.work.store_items([ENTRY, make.make_expense()]) == ItemsStored(new=2)
    assert await store.work.store_items([ENTRY, make.make_expense()]) == ItemsStored(unchanged=2)
    assert await store.balance(ENTRY) == (8, 0, 0, 0)


async def test_a_newer_version_replaces_and_an_older_one_never_does(store: Store) -> None:
    newer = make.later(ENTRY, hours=Decimal(6))
    assert await store.work.store_items([newer]) == ItemsStored(new=1)
    assert await store.work.store_items([ENTRY]) == ItemsStored(unchanged=1)
    assert await store.balance(ENTRY) == (6, 0, 0, 0)


async def test_of_several_versions_in_one_page_the_newest_counts(store: Store) -> None:
    middle, newest = make.later(ENTRY, hours=Decimal(7)), make.later(make.later(ENTRY))
    stored = await store.work.store_items([middle, newest, ENTRY])
    assert stored == ItemsStored(new=1, unchanged=2)
    assert await store.column("SELECT version FROM work_item") == [newest.version]


@pytest.mark.parametrize("recall_first", [True, False], ids=["recall first", "approval first"])
@pytest.mark.parametrize("one_page", [True, False], ids=["one page", "two pages"])
async def test_of_two_states_with_one_time_stamp_the_recall_counts_in_any_order(
    store: Store, recall_first: bool, one_page: bool
) -> None:
    recalled = ENTRY.model_copy(update={"approved": False})
    states = [recalled, ENTRY] if recall_first else [ENTRY, recalled]
    for page in [states] if one_page else [[state] for state in states]:
        await store.work.store_items(page)
    assert await store.balance(ENTRY) == (0, 0, 0, 0)


async def test_our_revision_counts_changes_of_content_and_not_of_time_stamps(store: Store) -> None:
    touched = make.later(ENTRY)
    changed = make.later(touched, description="Line 4 commissioning")
    await store.work.store_items([ENTRY])
    assert await store.work.store_items([touched]) == ItemsStored(unchanged=1)
    assert await store.column("SELECT revision FROM work_item") == [1]
    assert await store.work.store_items([changed]) == ItemsStored(changed=1)
    assert await store.column("SELECT revision FROM work_item") == [2]


@pytest.mark.parametrize(
    ("changes", "stored", "approved"),
    [
        pytest.param({"hours": Decimal(9)}, ItemsStored(changed=1), 9, id="more hours"),
        pytest.param({"hours": Decimal(5)}, ItemsStored(changed=1), 5, id="fewer hours"),
        pytest.param({"approved": False}, ItemsStored(recalled=1), 0, id="recalled"),
        pytest.param({"billable": False}, ItemsStored(recalled=1), 0, id="no longer billable"),
    ],
)
async def test_what_is_approved_of_an_unbilled_item_follows_its_newest_version(
    store: Store, changes: dict[str, object], stored: ItemsStored, approved: int
) -> None:
    await store.work.store_items([ENTRY])
    assert await store.work.store_items([make.later(ENTRY, **changes)]) == stored
    assert await store.balance(ENTRY) == (approved, 0, 0, 0)
    assert await store.conserves()


async def test_a_recall_after_billing_is_kept_as_a_credit_proposal(active: Store) -> None:
    await active.work.store_items([ENTRY])
    await active.bill()
    stored = await active.work.store_items([make.later(ENTRY, approved=False)])
    assert stored == ItemsStored(recalled_after_billing=1)
    assert await active.balance(ENTRY) == (8, 8, 0, 8)
    assert await active.column("SELECT quantity FROM credit_proposal WHERE state = 'open'") == [8]
    assert await active.column("SELECT owner FROM exception_case") == ["finance"]
    assert await active.conserves()


async def test_a_repeated_recall_proposes_one_credit(active: Store) -> None:
    await active.work.store_items([ENTRY])
    await active.bill()
    recalled = make.later(ENTRY, approved=False)
    await active.work.store_items([recalled])
    assert await active.work.store_items([recalled]) == ItemsStored(unchanged=1)
    await active.work.store_items([make.later(recalled, description="typo")])
    assert await active.column("SELECT count(*) FROM credit_proposal") == [1]
    assert await active.column("SELECT occurrences FROM exception_case") == [1]


async def test_fewer_hours_after_billing_propose_the_difference(active: Store) -> None:
    await active.work.store_items([ENTRY])
    await active.bill()
    await active.work.store_items([make.later(ENTRY, hours=Decimal("6.5"))])
    assert await active.balance(ENTRY) == (8, 8, 0, Decimal("1.5"))
    assert await active.column("SELECT quantity FROM credit_proposal") == [Decimal("1.5")]


async def test_a_recall_that_is_approved_again_withdraws_its_proposal(active: Store) -> None:
    await active.work.store_items([ENTRY])
    await active.bill()
    recalled = make.later(ENTRY, approved=False)
    await active.work.store_items([recalled])
    await active.work.store_items([make.later(recalled, approved=True)])
    assert await active.balance(ENTRY) == (8, 8, 0, 0)
    assert await active.column("SELECT state FROM credit_proposal") == ["withdrawn"]


async def test_more_hours_after_billing_leave_only_the_difference_to_bill(active: Store) -> None:
    await active.work.store_items([ENTRY])
    await active.bill()
    await active.work.store_items([make.later(ENTRY, hours=Decimal(10))])
    await active.bill(make.make_run(2))
    quantities = "SELECT quantity FROM billing_transaction ORDER BY quantity"
    assert await active.column(quantities) == [2, 8]
    assert await active.conserves()


async def test_two_writers_of_one_new_item_keep_its_newest_version(store: Store) -> None:
    for number in range(5):
        old = make.make_time_entry(f"t-{number}")
        new = make.later(old, hours=Decimal(6))
        await asyncio.gather(store.work.store_items([old]), store.work.store_items([new]))
    assert await store.column("SELECT DISTINCT quantity FROM work_item") == [6]


async def test_two_writers_of_many_items_in_opposite_order_do_not_wait_for_each_other(
    store: Store,
) -> None:
    entries = [make.make_time_entry(f"t-{number}") for number in range(200)]
    await store.work.store_items(entries)
    newer = [make.later(entry, hours=Decimal(6)) for entry in entries]
    newest = [make.later(entry, hours=Decimal(5)) for entry in newer]
    await asyncio.gather(store.work.store_items(newer), store.work.store_items(newest[::-1]))
    assert await store.column("SELECT DISTINCT approved FROM work_item_balance") == [5]


async def test_a_cursor_moves_with_its_items_and_not_without_them(store: Store) -> None:
    await store.work.store_items([ENTRY], feed=(make.PSA, "items", "page-2"))
    assert await store.work.cursor(make.PSA, "items") == "page-2"
    bad = make.make_time_entry("t-2", approved_at=None)
    with pytest.raises(RuleViolation, match="not since when"):
        await store.work.store_items([bad], feed=(make.PSA, "items", "page-3"))
    assert await store.work.cursor(make.PSA, "items") == "page-2"


async def test_a_cursor_that_was_never_set_is_empty_and_an_empty_page_moves_it(
    store: Store,
) -> None:
    assert await store.work.cursor(make.PSA, "items") == ""
    await store.work.note_poll(make.PSA, "items", "page-1")
    assert await store.work.store_items([], feed=(make.PSA, "items", "page-2")) == ItemsStored()
    assert await store.work.cursor(make.PSA, "items") == "page-2"


async def test_a_text_that_the_database_cannot_hold_is_refused_in_our_words(store: Store) -> None:
    with pytest.raises(DataRejected, match="cannot be stored"):
        await store.work.store_items([make.make_time_entry(description="a\x00b")])


async def test_totals_count_approved_items_inside_dates_and_cut_off(store: Store) -> None:
    late = make.CUTOFF + timedelta(seconds=1)
    await store.work.store_items(
        [
            ENTRY,
            make.make_time_entry("unbillable", billable=False, hours=Decimal("1.25")),
            make.make_time_entry("open", approved=False),
            make.make_time_entry("late", approved_at=late, version=late),
            make.make_time_entry("december", work_date=date(2026, 12, 1)),
            make.make_time_entry("elsewhere", project=make.ERP_INVOICE),
            make.make_expense(),
        ]
    )
    window = (date(2026, 11, 1), date(2026, 11, 30), make.CUTOFF)
    time = await store.work.totals(make.PSA_PROJECT, "time", *window)
    expense = await store.work.totals(make.PSA_PROJECT, "expense", *window)
    assert (time.count, time.quantity, time.cost) == (2, Decimal("9.25"), Decimal(0))
    assert (expense.count, expense.quantity, expense.cost) == (1, Decimal(1), Decimal("89.90"))


async def test_items_come_back_from_the_store_digit_by_digit(active: Store) -> None:
    entry = make.make_time_entry(hours=Decimal("7.5000"), version=datetime(2026, 11, 9, tzinfo=UTC))
    await active.work.store_items([entry])
    (body,) = await active.column("SELECT body FROM work_item")
    kept = WORK_ITEM.validate_python(body)
    assert kept == entry
    assert str(kept.quantity) == "7.5000"
