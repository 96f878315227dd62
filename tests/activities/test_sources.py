"""Pulling items by a cursor that never runs ahead, and proving a source complete."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from activities import sources
from activities.sources import Completeness, ProveComplete, Pull, SourceActivities
from canonical.errors import RuleViolation, SourceIncomplete, SystemUnavailable
from canonical.work import ChangePage, TimeEntry, WorkItem
from tests import builders as make
from tests.activities.conftest import Store, perform
from tests.activities.systems.psa import FakeSource

PULL = Pull(system=make.PSA)
PROVE = ProveComplete(engagement_id=make.ENGAGEMENT, period=make.PERIOD, cutoff=make.CUTOFF)


@pytest.fixture
def pulled(store: Store, source: FakeSource) -> SourceActivities:
    return SourceActivities(make.PSA, source, store.work, store.engagements)


def page(cursor: str, *items: WorkItem) -> ChangePage:
    return ChangePage(items=items, cursor=cursor, has_more=True)


def entries(*names: str) -> list[TimeEntry]:
    return [make.make_time_entry(name) for name in names]


async def stored(store: Store) -> list[object]:
    return await store.column("SELECT external_id FROM work_item ORDER BY external_id")


async def cursor(store: Store) -> str:
    return await store.work.cursor(make.PSA, sources.ITEMS_FEED)


# -- pulling ---------------------------------------------------------------------------------------


async def test_a_pull_stores_every_page_and_the_next_one_goes_on(
    pulled: SourceActivities, store: Store, source: FakeSource
) -> None:
    source.pages = [page("c1", *entries("a", "b")), page("c2"), page("c3", *entries("c"))]
    result = await perform(pulled.pull_items, PULL)
    assert (result.pages, result.new) == (3, 3)
    assert (await stored(store), await cursor(store)) == (["a", "b", "c"], "c3")
    assert (await perform(pulled.pull_items, PULL)).pages == 0
    assert source.asked_from == ["", "c3"]


async def test_a_crash_between_two_pages_loses_and_repeats_nothing(
    pulled: SourceActivities, store: Store, source: FakeSource
) -> None:
    source.pages = [page("c1", *entries("a")), page("c2", *entries("b"))]
    source.breaks_after_pages = 1
    with pytest.raises(SystemUnavailable):
        await perform(pulled.pull_items, PULL)
    assert (await stored(store), await cursor(store)) == (["a"], "c1")
    source.breaks_after_pages = None
    assert (await perform(pulled.pull_items, PULL, attempt=2)).new == 1
    assert source.asked_from == ["", "c1"]


async def test_a_page_that_cannot_be_stored_does_not_move_the_cursor(
    pulled: SourceActivities, store: Store, source: FakeSource
) -> None:
    broken = make.make_time_entry("b", approved_at=None)
    source.pages = [page("c1", *entries("a")), page("c2", broken)]
    with pytest.raises(RuleViolation, match="not since when"):
        await perform(pulled.pull_items, PULL)
    assert (await stored(store), await cursor(store)) == (["a"], "c1")


async def test_a_pull_counts_what_changed_and_what_was_taken_back(
    pulled: SourceActivities, source: FakeSource
) -> None:
    first, second = entries("a", "b")
    again = [make.later(first, hours=Decimal(6)), make.later(second, approved=False)]
    source.pages = [page("c1", first, second), page("c2", *again), page("c3", first)]
    result = await perform(pulled.pull_items, PULL)
    assert (result.new, result.changed, result.recalled) == (2, 1, 1)


async def test_a_long_feed_is_read_in_several_pulls(
    pulled: SourceActivities, source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PAGES_PER_PULL_MAX", 2)
    source.pages = [page(f"c{number}") for number in range(1, 4)]
    pages = [(await perform(pulled.pull_items, PULL)).pages for _ in range(3)]
    assert pages == [2, 1, 0]


# -- proving ---------------------------------------------------------------------------------------


async def prove(pulled: SourceActivities) -> Completeness:
    return await perform(pulled.prove_pulled, PROVE)


async def test_count_and_sums_on_which_both_agree_are_the_proof(
    pulled: SourceActivities, active: Store, source: FakeSource
) -> None:
    source.items = [*entries("a", "b"), make.make_expense("c", source=make.PSA)]
    proof = await prove(pulled)
    assert proof.time is not None
    assert proof.expense is not None
    assert (proof.time.count, proof.time.quantity) == (2, Decimal(16))
    assert (proof.expense.count, proof.expense.cost) == (1, Decimal("89.90"))


async def test_the_sweep_heals_what_the_feed_left_out(
    pulled: SourceActivities, active: Store, source: FakeSource
) -> None:
    source.items = [*entries("a", "left out")]
    source.pages = [page("c1", *entries("a"))]
    await perform(pulled.pull_items, PULL)
    await prove(pulled)
    assert await stored(active) == ["a", "left out"]


async def test_a_source_that_no_longer_holds_an_item_is_told_with_both_figures(
    pulled: SourceActivities, active: Store, source: FakeSource
) -> None:
    await active.work.store_items(entries("a", "deleted there"))
    source.items = [*entries("a")]
    with pytest.raises(SourceIncomplete) as incomplete:
        await prove(pulled)
    assert "1 items, quantity 8, cost 0 there" in str(incomplete.value)
    assert "2 items, quantity 16, cost 0 here" in str(incomplete.value)


async def test_what_is_not_approved_by_the_cutoff_belongs_to_the_next_run(
    pulled: SourceActivities, active: Store, source: FakeSource
) -> None:
    late = make.make_time_entry("late", approved_at=make.CUTOFF + timedelta(seconds=1))
    open_one = make.make_time_entry("open", approved=False, approved_at=None)
    december = make.make_time_entry("december", work_date=date(2026, 12, 1))
    source.items = [*entries("a"), late, open_one, december]
    proof = await prove(pulled)
    assert proof.time is not None
    assert proof.time.count == 1


async def test_a_project_without_a_record_in_the_source_is_not_proven(
    pulled: SourceActivities, store: Store
) -> None:
    await store.hear_deal()
    await store.agree()
    with pytest.raises(SourceIncomplete, match="has no record in kantata"):
        await prove(pulled)


async def test_work_before_the_projects_own_start_is_proven_too(
    pulled: SourceActivities, active: Store, source: FakeSource
) -> None:
    await active.work.store_items([make.make_time_entry("early", work_date=date(2026, 10, 20))])
    with pytest.raises(SourceIncomplete):
        await prove(pulled)


async def test_a_sweep_that_breaks_keeps_what_it_has_seen(
    pulled: SourceActivities, active: Store, source: FakeSource
) -> None:
    broken = make.make_time_entry(
        "broken", approved_at=None, version=datetime(2026, 11, 12, tzinfo=UTC)
    )
    source.items = [*entries("a"), broken]
    with pytest.raises(RuleViolation):
        await prove(pulled)
    assert await stored(active) == ["a"]
