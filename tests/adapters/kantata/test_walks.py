"""Long lists: read page by page while they change, at the cost of pages and not of entries."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator, Sequence

import pytest

from adapters.kantata.simulated.http import Request
from adapters.kantata.simulated.routes import Routes
from canonical.errors import SystemUnavailable
from canonical.work import WorkItem
from tests.adapters.kantata.workshop import SEPTEMBER, Workshop, open_workshop

PAGE = 200


async def told_ids(workshop: Workshop) -> list[str]:
    return [item.external_id for item in await workshop.listed()]


async def drain(pages: AsyncIterator[Sequence[WorkItem]]) -> None:
    async for _ in pages:
        pass


async def test_entries_deleted_while_the_list_is_read_hide_no_other() -> None:
    async with open_workshop() as workshop:
        entries = workshop.log(3 * PAGE)
        told: list[str] = []
        async for items in workshop.time.items_of(workshop.project, *SEPTEMBER):
            told += [item.external_id for item in items]
            if len(told) == PAGE:
                for gone in entries[:50]:
                    workshop.office.remove("time_entries", gone)
    assert told == entries


async def test_entries_logged_while_the_list_is_read_are_told_once() -> None:
    async with open_workshop() as workshop:
        entries = workshop.log(2 * PAGE)
        told: list[str] = []
        async for items in workshop.time.items_of(workshop.project, *SEPTEMBER):
            told += [item.external_id for item in items]
            if len(entries) == 2 * PAGE:
                entries += workshop.log(10)
    assert told == entries


async def test_an_entry_that_is_moved_to_another_month_takes_no_other_along() -> None:
    async with open_workshop() as workshop:
        entries = workshop.log(2 * PAGE + 1)
        told: list[str] = []
        async for items in workshop.time.items_of(workshop.project, *SEPTEMBER):
            told += [item.external_id for item in items]
            if len(told) == PAGE:
                changes: dict[str, object] = {"date_performed": "2026-08-01"}
                workshop.office.edit("time_entries", entries[0], changes)
    assert told == entries


async def test_a_reconciliation_skips_nothing_while_entries_change() -> None:
    async with open_workshop() as workshop:
        entries = workshop.log(3 * PAGE)
        seen: set[str] = set()
        cursor = ""
        async for page in workshop.time.changes_since(""):
            seen |= {item.external_id for item in page.items}
            cursor = page.cursor
            workshop.office.edit("time_entries", entries[len(seen) // 2], {"notes": "changed"})
        later, _ = await workshop.pulled(cursor)
    assert seen | set(later) == set(entries)


async def test_a_list_that_never_holds_still_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_workshop() as workshop:
        workshop.log(2 * PAGE)
        pages = workshop.time.items_of(workshop.project, *SEPTEMBER)
        await anext(pages)
        carry_out = Routes.carry_out

        def growing(routes: Routes, request: Request) -> tuple[int, object]:
            workshop.log()
            return carry_out(routes, request)

        monkeypatch.setattr(Routes, "carry_out", growing)
        with pytest.raises(SystemUnavailable, match="change faster"):
            await drain(pages)


@pytest.mark.parametrize("count", [PAGE, 5 * PAGE, 10 * PAGE])
async def test_calls_grow_with_pages_and_not_with_entries(count: int) -> None:
    async with open_workshop() as workshop:
        entries = workshop.log(count)
        for start in range(0, count, 20):
            workshop.office.approve_time(entries[start : start + 20], workshop.approver)
        assert len(await workshop.listed()) == count
        calls = workshop.office.calls()
    assert calls == {"GET time_entries": count // PAGE, "GET users": 1, "GET expenses": 1}


async def test_a_pull_of_the_feed_costs_pages_of_events_and_pages_of_items() -> None:
    async with open_workshop() as workshop:
        _, cursor = await workshop.pulled("")
        before = sum(workshop.office.calls().values())
        entries = workshop.log(5 * PAGE)
        for start in range(0, 5 * PAGE, 20):
            workshop.office.approve_time(entries[start : start + 20], workshop.approver)
        items, _ = await workshop.pulled(cursor)
        spent = sum(workshop.office.calls().values()) - before
    assert len(items) == 5 * PAGE
    assert spent <= 6 + 5 + 6 + 1, (
        "pages of events, of hinted rows, of reported rows; one of people"
    )


async def test_memory_does_not_grow_with_the_length_of_the_list() -> None:
    async def peak(count: int) -> int:
        async with open_workshop() as workshop:
            workshop.log(count)
            tracemalloc.start()
            async for items in workshop.time.items_of(workshop.project, *SEPTEMBER):
                assert len(items) <= PAGE
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            return most

    small = await peak(2 * PAGE)
    assert await peak(10 * PAGE) < 2 * small
