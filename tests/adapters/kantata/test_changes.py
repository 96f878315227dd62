"""Pulls of changed work: the feed may repeat, shuffle, delay and forget; nothing is lost."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from adapters.kantata.cursor import FeedCursor, SweepCursor, write_cursor
from adapters.kantata.simulated.faults import DriftKind
from canonical.errors import AnswerUnreadable, DataRejected, SetupInvalid, SystemRefusesUs
from canonical.work import ChangePage, Expense, TimeEntry
from tests.adapters.kantata.workshop import SEPTEMBER, Workshop, open_workshop


def feed_cursor(age: timedelta = timedelta(minutes=1)) -> str:
    return write_cursor(FeedCursor(at=datetime.now(UTC) - age))


async def collect(workshop: Workshop, cursor: str, pages: list[ChangePage]) -> None:
    async for page in workshop.time.changes_since(cursor):
        pages.append(page)


async def test_an_approval_tells_the_items_with_approver_and_time() -> None:
    async with open_workshop() as workshop:
        (entry,) = workshop.log()
        workshop.office.approve_time([entry], workshop.approver)
        items, _ = await workshop.pulled(feed_cursor())
    item = items[entry]
    assert isinstance(item, TimeEntry)
    assert (item.approved, item.approved_by) == (True, "ole@northwind.example")
    assert item.approved_at is not None
    assert (item.role, item.person_name) == ("Senior Consultant", "Nadia Ferrer")


@pytest.mark.parametrize("verb", ["reject", "cancel"])
async def test_a_recalled_or_rejected_timesheet_takes_its_items_out_again(verb: str) -> None:
    async with open_workshop() as workshop:
        entries = workshop.log(3)
        sheet = workshop.office.approve_time(entries, workshop.approver)
        before, cursor = await workshop.pulled("")
        workshop.office.advance(60)
        workshop.office.resolve("time_entries", sheet, verb, workshop.approver)
        after, _ = await workshop.pulled(cursor)
    assert {entry: after[entry].approved for entry in entries} == dict.fromkeys(entries, False)
    assert all(after[entry].approved_at is None for entry in entries)
    assert all(after[entry].version > before[entry].version for entry in entries)


async def test_a_resubmitted_timesheet_is_approved_by_its_new_approver() -> None:
    async with open_workshop() as workshop:
        entries = workshop.log(2)
        sheet = workshop.office.submit("time_entries", entries)
        workshop.office.resolve("time_entries", sheet, "reject", workshop.approver, "wrong role")
        second = workshop.office.add_user("Mia Stand-In", "mia@northwind.example")
        workshop.office.approve_time(entries, second)
        items, _ = await workshop.pulled(feed_cursor())
    assert {items[entry].approved_by for entry in entries} == {"mia@northwind.example"}


async def test_an_expense_is_told_with_its_net_cost_and_approval() -> None:
    async with open_workshop() as workshop:
        expense = workshop.spend(12_345)
        workshop.office.approve_expenses([expense], workshop.approver)
        items, _ = await workshop.pulled(feed_cursor())
    item = items[expense]
    assert isinstance(item, Expense)
    assert (str(item.cost), item.approved, item.category) == ("123.45 EUR", True, "Travel")


async def test_events_that_come_twice_tell_an_item_once() -> None:
    async with open_workshop() as workshop:
        workshop.office.set_feed(repeats_every=1)
        entries = workshop.log(5)
        workshop.office.approve_time(entries, workshop.approver)
        pages: list[ChangePage] = []
        await collect(workshop, feed_cursor(), pages)
    told = [item.external_id for page in pages for item in page.items]
    assert sorted(told) == sorted(entries)


async def test_events_out_of_order_tell_the_present_state() -> None:
    async with open_workshop() as workshop:
        workshop.office.set_feed(lag_s=300, shuffled=True)
        (entry,) = workshop.log()
        sheet = workshop.office.approve_time([entry], workshop.approver)
        workshop.office.resolve("time_entries", sheet, "cancel", workshop.approver)
        workshop.office.advance(301)
        items, _ = await workshop.pulled(feed_cursor())
    assert items[entry].approved is False


async def test_an_event_that_appears_behind_the_cursor_is_found_by_the_overlap() -> None:
    async with open_workshop() as workshop:
        (entry,) = workshop.log()
        ahead = feed_cursor(-timedelta(minutes=10))
        items, _ = await workshop.pulled(ahead)
    assert list(items) == [entry]


async def test_an_event_that_comes_late_is_told_when_it_comes() -> None:
    async with open_workshop() as workshop:
        workshop.office.set_feed(lag_s=600)
        workshop.log()
        _, cursor = await workshop.pulled(feed_cursor())
        workshop.office.advance(601)
        items, _ = await workshop.pulled(cursor)
    assert len(items) == 1


async def test_an_event_that_never_comes_is_found_by_the_full_listing() -> None:
    async with open_workshop() as workshop:
        workshop.office.leave_out_events()
        (lost,) = workshop.log()
        items, _ = await workshop.pulled(feed_cursor())
        assert lost not in items
        assert (await workshop.item()).external_id == lost


async def test_a_feed_that_leaves_out_no_more_tells_what_comes_next() -> None:
    async with open_workshop() as workshop:
        workshop.office.leave_out_events(100)
        workshop.log()
        workshop.office.leave_out_events(0)
        (told,) = workshop.log()
        items, _ = await workshop.pulled(feed_cursor())
        assert list(items) == [told]


async def test_a_deleted_entry_loses_its_approval() -> None:
    async with open_workshop() as workshop:
        (entry,) = workshop.log()
        workshop.office.approve_time([entry], workshop.approver)
        workshop.office.remove("time_entries", entry)
        items, _ = await workshop.pulled(feed_cursor())
    assert (items[entry].approved, items[entry].project) == (False, workshop.project)


async def test_the_first_pull_tells_everything_archived_projects_too() -> None:
    async with open_workshop() as workshop:
        entries, expense = workshop.log(3), workshop.spend()
        workshop.office.edit("workspaces", workshop.project.id, {"archived": True})
        items, _ = await workshop.pulled("")
    assert set(items) == {*entries, expense}


async def test_a_pull_without_news_moves_the_cursor_on_so_that_silence_does_not_age_it() -> None:
    async with open_workshop() as workshop:
        _, cursor = await workshop.pulled(feed_cursor(timedelta(days=5)))
    at = FeedCursor.model_validate_json(cursor).at
    assert datetime.now(UTC) - at < timedelta(hours=2)


async def test_a_cursor_older_than_the_feed_is_reconciled_without_it() -> None:
    async with open_workshop() as workshop:
        entries = workshop.log(2)
        workshop.office.approve_time(entries, workshop.approver)
        items, after = await workshop.pulled(feed_cursor(timedelta(days=9)))
        assert workshop.calls("GET subscribed_events") == 0
    assert {item.approved for item in items.values()} == {True}
    assert FeedCursor.model_validate_json(after)


async def test_a_reconciliation_finds_approvals_that_left_their_rows_untouched() -> None:
    async with open_workshop({"change_feed": False}) as workshop:
        (entry,) = workshop.log()
        sheet = workshop.office.submit("time_entries", [entry])
        _, cursor = await workshop.pulled("")
        workshop.office.advance(3_600)
        workshop.office.resolve("time_entries", sheet, "approve", workshop.approver)
        items, _ = await workshop.pulled(cursor)
    assert items[entry].approved


async def test_the_feed_forgets_after_nine_days() -> None:
    async with open_workshop() as workshop:
        workshop.log()
        workshop.office.advance(timedelta(days=10).total_seconds())
        items, _ = await workshop.pulled(feed_cursor(timedelta(days=5)))
    assert items == {}


async def test_an_account_without_the_feed_never_asks_for_it() -> None:
    async with open_workshop({"change_feed": False}) as workshop:
        workshop.log()
        _, cursor = await workshop.pulled("")
        (second,) = workshop.log()
        items, _ = await workshop.pulled(cursor)
        assert workshop.calls("GET subscribed_events") == 0
        assert "no change feed" in await workshop.time.check()
    assert second in items


async def test_negative_minutes_are_refused_and_hold_back_nothing_but_the_cursor() -> None:
    async with open_workshop() as workshop:
        start = feed_cursor()
        good, bad = workshop.log()[0], workshop.log(minutes=-30)[0]
        pages: list[ChangePage] = []
        with pytest.raises(DataRejected, match=f"time entry {bad}"):
            await collect(workshop, start, pages)
    assert [item.external_id for page in pages for item in page.items] == [good]
    assert {page.cursor for page in pages} == {start}


async def test_a_corrected_entry_lets_the_cursor_go_on() -> None:
    async with open_workshop() as workshop:
        start = feed_cursor()
        (bad,) = workshop.log(minutes=-30)
        with pytest.raises(DataRejected):
            await workshop.pulled(start)
        workshop.office.edit("time_entries", bad, {"time_in_minutes": 30})
        items, cursor = await workshop.pulled(start)
    assert bad in items
    assert cursor != start


async def test_a_drifted_row_is_told_once_per_walk_with_its_count() -> None:
    async with open_workshop() as workshop:
        workshop.log(3)
        workshop.office.drift("time_entries", "billable", DriftKind.MISSING)
        with pytest.raises(AnswerUnreadable) as unreadable:
            await workshop.listed()
    assert unreadable.value.where == "time_entries.billable"
    assert unreadable.value.__notes__ == ["3 items of this walk could not be taken"]


async def test_a_reconciliation_goes_on_in_the_middle_of_a_list() -> None:
    async with open_workshop() as workshop:
        entries = workshop.log(450)
        pages = workshop.time.changes_since("")
        first = await anext(pages)
        assert isinstance(SweepCursor.model_validate_json(first.cursor), SweepCursor)
        rest, _ = await workshop.pulled(first.cursor)
    assert {item.external_id for item in first.items} | set(rest) == set(entries)
    assert len(rest) == 250


@pytest.mark.parametrize("cursor", ["yesterday", "{}", '{"mode": "guess"}'])
async def test_a_cursor_that_is_not_ours_is_refused(cursor: str) -> None:
    async with open_workshop() as workshop:
        with pytest.raises(SetupInvalid, match="clear it to reconcile"):
            await workshop.pulled(cursor)


async def test_a_revoked_token_is_told_and_not_tried_again() -> None:
    async with open_workshop() as workshop:
        workshop.office.revoke_tokens()
        with pytest.raises(SystemRefusesUs):
            await workshop.pulled("")
        assert sum(workshop.office.calls().values()) == 0


async def test_entries_outside_the_dates_are_not_listed() -> None:
    async with open_workshop() as workshop:
        workshop.log(day=date(2026, 8, 31))
        inside = [workshop.log(day=day)[0] for day in SEPTEMBER]
        workshop.log(day=date(2026, 10, 1))
        assert [item.external_id for item in await workshop.listed()] == inside
