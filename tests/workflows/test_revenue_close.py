"""RevenueClose: each contract closed, one entry posted once, what comes later by another one."""

from __future__ import annotations

import asyncio
import itertools
from datetime import date

import pytest
from temporalio.client import Client

from activities import posting
from canonical.errors import RuleViolation, SystemUnavailable
from tests import builders as make
from tests.activities.systems.revenue import PERIOD
from tests.workflows.bench import Bench, make_worker, open_bench
from tests.workflows.closing import THEIRS
from workflows import names
from workflows.revenue_close import RevenueClose, RevenueClosed, RevenueCloseParams

LAST = date(2026, 10, 31)
FIRST_KEY = f"revenue/{make.ENTITY}/{PERIOD}/1"

_numbers = itertools.count(9_000)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "SETTLE_S", 0.0)


def id_of(bench: Bench) -> str:
    return f"{names.revenue_close(make.ENTITY, PERIOD)}/{bench.world.number}"


def params(bench: Bench) -> RevenueCloseParams:
    erp = bench.world.systems.erp
    return RevenueCloseParams(legal_entity=make.ENTITY, period=PERIOD, erp=erp)


async def start(bench: Bench) -> asyncio.Task[RevenueClosed]:
    handle = await bench.start(RevenueClose.run, params(bench), id_of(bench))
    return asyncio.create_task(handle.result())


async def close(bench: Bench) -> RevenueClosed:
    return await (await start(bench))


async def test_a_period_is_closed_and_its_entry_posted_once(bench: Bench) -> None:
    closed = await close(bench)
    (posted,) = closed.entries
    assert (closed.contracts, closed.changed, closed.differences) == (1, 1, 0)
    assert (posted.key, posted.on, posted.debits) == (FIRST_KEY, LAST, make.euro("100.00"))
    assert [each.key for each in bench.world.closing.erp.posted_entries()] == [FIRST_KEY]


async def test_closing_again_sends_nothing_twice(bench: Bench) -> None:
    await close(bench)
    again = await close(bench)
    assert (again.entries, again.changed) == ((), 0)
    assert bench.world.closing.erp.entry_creates == 1


async def test_what_came_late_is_sent_alone_under_the_next_number(bench: Bench) -> None:
    await close(bench)
    bench.world.closing.books.owed["C-2"] = "7.00"
    (second,) = (await close(bench)).entries
    assert (second.key[-2:], second.debits) == ("/2", make.euro("7.00"))


async def test_a_closed_period_in_the_erp_parks_with_a_case_and_is_resumed_by_retry(
    bench: Bench,
) -> None:
    closing = bench.world.closing
    await closing.seal()
    closing.erp.closed_until = LAST
    running = await start(bench)
    await bench.until_page_says(id_of(bench), "the period of 2026-10-31 is closed")
    assert [case.cause for case in bench.world.open_cases()] == ["DataRejected"]
    closing.erp.closed_until = date.min
    await bench.tell(id_of(bench), names.RETRY_NOW)
    assert [each.key for each in (await running).entries] == [FIRST_KEY]
    assert bench.world.open_cases() == []


async def test_an_entry_that_an_earlier_close_sealed_goes_first_and_the_rest_after_it(
    bench: Bench,
) -> None:
    await bench.world.closing.seal()
    bench.world.closing.books.owed["C-2"] = "7.00"
    first, second = (await close(bench)).entries
    assert [first.debits, second.debits] == [make.euro("100.00"), make.euro("7.00")]


async def test_a_contract_that_a_rule_refuses_is_tried_again_alone(bench: Bench) -> None:
    books = bench.world.closing.books
    books.refuses["C-2"] = [RuleViolation("no rate for a worked day")]
    running = await start(bench)
    await bench.until_page_says(id_of(bench), "1 of 2 contracts cannot be closed")
    await bench.tell(id_of(bench), names.RETRY_NOW)
    assert (await running).contracts == 2
    assert books.closed == ["C-1", "C-2"]


async def test_an_attempt_that_fails_in_the_middle_is_continued_and_not_begun_again(
    bench: Bench,
) -> None:
    books = bench.world.closing.books
    books.owed |= {"C-2": "1.00", "C-3": "1.00"}
    books.refuses["C-3"] = [SystemUnavailable("store", "the database does not answer")]
    closed = await close(bench)
    assert books.closed == ["C-1", "C-2", "C-3"]
    assert (closed.contracts, closed.changed) == (3, 3)


async def test_in_a_locked_period_what_is_there_is_sent_and_nothing_is_closed(bench: Bench) -> None:
    await bench.world.closing.seal()
    bench.world.closing.records.locked = True
    closed = await close(bench)
    assert (closed.contracts, len(closed.entries)) == (0, 1)
    assert closed.notes == (f"{PERIOD} is locked in our ledger: no contract was closed anew",)


async def test_where_the_erp_recognises_revenue_the_result_says_that_nothing_is_sent(
    bench: Bench,
) -> None:
    bench.world.closing.books.owed = {}
    theirs = params(bench).model_copy(update={"legal_entity": THEIRS})
    id = f"{names.revenue_close(THEIRS, PERIOD)}/{bench.world.number}"
    closed = await (await bench.start(RevenueClose.run, theirs, id)).result()
    assert closed.entries == ()
    assert closed.notes == (f"the ERP recognises the revenue of {THEIRS}: nothing of it is sent",)


async def test_an_entry_that_the_erp_changed_waits_for_finance_until_it_is_told_to_close(
    bench: Bench,
) -> None:
    bench.world.closing.erp.books_elsewhere = {"4000": "4999"}
    running = await start(bench)
    await bench.until_page_says(id_of(bench), "is not what was sealed")
    assert [case.cause for case in bench.world.open_cases()] == ["EntryDiffers"]
    await bench.tell(id_of(bench), names.CLOSE)
    (posted,) = (await running).entries
    assert any("account 4000" in each for each in posted.differences)


async def test_a_worker_that_goes_down_between_binding_and_posting_is_replaced_without_a_twin(
    client: Client, cache_size: int
) -> None:
    number = next(_numbers)
    erp = f"erp-{number}"
    async with open_bench(client, number, cache_size, without={erp}) as bench:
        closing, queue = bench.world.closing, names.system_queue(erp)
        reached = asyncio.Event()

        async def hang() -> None:
            reached.set()
            await asyncio.Event().wait()

        closing.erp.stuck = hang
        async with make_worker(client, bench.world, queue, bench.queue, cache_size):
            running = await start(bench)
            await reached.wait()
        closing.erp.stuck = None
        async with make_worker(client, bench.world, queue, bench.queue, cache_size):
            closed = await running
    assert [each.key for each in closed.entries] == [FIRST_KEY]
    assert (closing.erp.entry_creates, len(closing.erp.posted_entries())) == (1, 1)
