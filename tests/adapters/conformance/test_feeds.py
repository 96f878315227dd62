"""Walks over pages while records change: nothing is skipped, and a cursor never loses anything."""

from __future__ import annotations

from tests.adapters.conformance.driver import AnyDriver, Bench, Feed


async def test_a_walk_over_pages_tells_every_record(
    driver: AnyDriver, bench: Bench, feed: Feed[Bench]
) -> None:
    pages = [page async for page in feed.pages(bench, "")]
    assert len(pages) > 2, "seed more than two pages"
    assert {each for ids, _ in pages for each in ids} == await feed.all_ids(bench)


async def test_a_change_between_two_pages_skips_nothing(
    driver: AnyDriver, bench: Bench, feed: Feed[Bench]
) -> None:
    seen: set[str] = set()
    cursor, changed = "", ""
    async for ids, after in feed.pages(bench, ""):
        seen.update(ids)
        cursor, changed = after, changed or await feed.change(bench)
    again = cursor if feed.resumes else ""
    later = {each async for ids, _ in feed.pages(bench, again) for each in ids}
    assert changed in later
    assert seen | later >= await feed.all_ids(bench)


async def test_a_walk_goes_on_from_the_cursor_of_any_page(
    driver: AnyDriver, bench: Bench, feed: Feed[Bench]
) -> None:
    if not feed.resumes:
        assert all([cursor == "" async for _, cursor in feed.pages(bench, "")])
        return
    pages = feed.pages(bench, "")
    first, cursor = await anext(pages)
    rest = {each async for ids, _ in feed.pages(bench, cursor) for each in ids}
    assert set(first) | rest == await feed.all_ids(bench)


async def test_a_change_after_the_walk_is_told_by_the_next_walk(
    driver: AnyDriver, bench: Bench, feed: Feed[Bench]
) -> None:
    cursors = [cursor async for _, cursor in feed.pages(bench, "")]
    changed = await feed.change(bench)
    later = {each async for ids, _ in feed.pages(bench, cursors[-1]) for each in ids}
    assert changed in later
