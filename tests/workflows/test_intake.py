"""Intake: the pulse of a system; it reads on its interval, when nudged, and for ever."""

from __future__ import annotations

import asyncio

from canonical.errors import SystemRefusesUs
from tests.workflows.bench import Bench
from workflows import names
from workflows.intake import Feed, Intake, IntakeState

A_DAY_S = 86_400.0
WAITS = "the next turn, or a nudge"


async def started(bench: Bench, *feeds: Feed) -> str:
    system = bench.world.systems.erp
    state = IntakeState(system=system, feeds=feeds, interval_s=A_DAY_S)
    return (await bench.start(Intake.run, state, names.intake(system))).id


async def test_each_turn_reads_the_feeds_in_their_order(bench: Bench) -> None:
    id = await started(bench, Feed.DEALS, Feed.ITEMS, Feed.PAYMENTS)
    await bench.until_page_says(id, WAITS)
    assert bench.world.calls == ["pull_deals", "pull_items", "pull_payments"]


async def test_a_nudge_reads_again_at_once(bench: Bench) -> None:
    id = await started(bench, Feed.ITEMS)
    await bench.until_page_says(id, WAITS)
    await bench.nudge(id)
    await bench.until_called("pull_items", 2)


async def test_a_refused_feed_parks_and_is_read_again_when_retried(bench: Bench) -> None:
    bench.world.refuse["pull_items"] = [SystemRefusesUs("psa", "the token was revoked")]
    id = await started(bench, Feed.ITEMS)
    await bench.until_page_says(id, "the token was revoked")
    await bench.tell(id, names.RETRY_NOW)
    await bench.until_page_says(id, WAITS)
    assert bench.world.open_cases() == []


async def test_it_goes_on_in_a_new_run_before_its_history_grows_long(bench: Bench) -> None:
    """The server suggests a new run after 150 events; each turn has about a dozen."""
    id = await started(bench, Feed.ITEMS)
    await bench.until_page_says(id, WAITS)
    first_run = (await bench.handle(id).describe()).run_id
    while (await bench.handle(id).describe()).run_id == first_run:
        await bench.nudge(id)
        await asyncio.sleep(0.01)
    read = bench.world.count("pull_items")
    await bench.until_page_says(id, WAITS)
    await bench.nudge(id)
    await bench.until_called("pull_items", read + 1)


async def test_an_order_to_close_ends_it(bench: Bench) -> None:
    id = await started(bench, Feed.ITEMS)
    await bench.until_page_says(id, WAITS)
    await bench.tell(id, names.CLOSE)
    await bench.handle(id).result()
    assert [note.order for note in bench.world.notes] == ["close"]
