"""`c2c revenue`: closes a period on a real Temporal server, and shows what was sealed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.worker import Worker

from activities.failures import FailureInterceptor
from canonical.ledger.accounts import Account
from canonical.ledger.journal import JournalLine
from runtime.settings import Settings
from store.revenue_closes import RevenueStore
from tests import builders as make
from tests.activities.systems.revenue import earned
from tests.store.closer import PERIOD, Closer
from tests.workers.conftest import Shell
from tests.workflows.closing import Closing
from tests.workflows.world import World
from workers.sandbox import workflow_runner
from workers.search_attributes import register_search_attributes
from workers.wiring import running, utc_now
from workflows import names
from workflows.revenue_close import RevenueClose


async def run(c2c: Shell, *arguments: str) -> tuple[int, str]:
    """Beside the test's own loop, as in a process of its own."""
    told = await asyncio.to_thread(c2c, "revenue", *arguments)
    assert "Traceback" not in told.err
    return told.code, told.out + told.err


@pytest.fixture
async def closing(temporal: Client, connected: Settings, at_home: Shell) -> AsyncIterator[Closing]:
    """Workers over books and an ERP in memory; `c2c` reaches their server."""
    at_home.set(temporal_address=connected.temporal_address)
    await register_search_attributes(temporal)
    world = World(1)
    queues = (names.MAIN_QUEUE, names.system_queue(make.ERP))
    async with running([_worker(temporal, queue, world) for queue in queues]):
        yield world.closing


def _worker(temporal: Client, queue: str, world: World) -> Worker:
    return Worker(
        temporal,
        task_queue=queue,
        workflows=[RevenueClose] if queue == names.MAIN_QUEUE else [],
        activities=world.activities(),
        workflow_runner=workflow_runner(),
        interceptors=[FailureInterceptor(world, utc_now)],
    )


async def test_a_close_that_is_followed_tells_what_was_posted(
    closing: Closing, at_home: Shell
) -> None:
    code, said = await run(at_home, "close", make.ENTITY, PERIOD, "--wait")
    assert (code, "1 contracts closed, 1 with something new" in said) == (0, True)
    assert f"MOV/0001: 100.00 EUR on 2026-10-31 (revenue/{make.ENTITY}/{PERIOD}/1)" in said
    code, said = await run(at_home, "close", make.ENTITY, PERIOD, "--wait")
    assert (code, "nothing was posted" in said) == (0, True)


async def test_a_close_that_is_not_followed_names_its_workflow(
    closing: Closing, at_home: Shell, temporal: Client
) -> None:
    code, said = await run(at_home, "close", make.ENTITY, PERIOD)
    id = names.revenue_close(make.ENTITY, PERIOD)
    assert (code, id in said) == (0, True)
    await temporal.get_workflow_handle(id).result()


async def test_what_is_held_back_is_told_with_exit_code_1(closing: Closing, at_home: Shell) -> None:
    sides = ((Account.WRITE_OFF, Decimal(4)), (Account.RECEIVABLE, Decimal(-4)))
    lines = tuple(JournalLine(account, amount, amount) for account, amount in sides)
    journal = earned(make.ENTITY, "C-1", "4.00", 9)._replace(lines=lines, event="write-off")
    closing.books.journals.append(journal)
    code, said = await run(at_home, "close", make.ENTITY, PERIOD, "--wait")
    assert code == 1
    assert "write-off (no contract): account 1100 has -4.00 EUR with us, 0.00 EUR there" in said


async def test_what_was_sealed_and_posted_is_shown_by_account(
    at_home: Shell, engine: AsyncEngine
) -> None:
    _, said = await run(at_home, "show", make.ENTITY, PERIOD)
    assert f"nothing of {PERIOD} was sealed" in said
    closer = Closer(engine, RevenueStore(engine, make.make_landscape()))
    await closer.earn("1234.50")
    sealed = await closer.sealed()
    _, said = await run(at_home, "show", make.ENTITY, PERIOD)
    assert "sealed for 2026-10-31, not posted" in said
    await closer.post(sealed)
    _, said = await run(at_home, "show", make.ENTITY, PERIOD)
    assert "posted as MOV-1 on 2026-10-31" in said
    assert "1,234.50" in said


@pytest.mark.parametrize("command", ["close", "show"])
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["NOWHERE", "2026-11"], 1, "no legal entity 'NOWHERE'"),
        (["NORTH-DE", "2026-13"], 2, "is not a billing period"),
        (["NORTH-DE"], 2, "Missing argument"),
    ],
    ids=["entity", "month", "nothing"],
)
async def test_a_period_that_cannot_be_meant_is_refused(
    at_home: Shell, command: str, arguments: list[str], code: int, words: str
) -> None:
    ended, said = await run(at_home, command, *arguments)
    assert ended == code
    assert words in said


async def test_a_temporal_server_that_is_away_is_a_sentence(at_home: Shell) -> None:
    code, said = await run(at_home, "close", make.ENTITY, PERIOD)
    assert (code, "no server answers at 127.0.0.1:1" in said) == (1, True)
