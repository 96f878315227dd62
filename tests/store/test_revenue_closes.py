"""Revenue closes: an entry is decided once, posted once, and the next one knows both."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.errors import RecordMissing, RuleViolation
from canonical.events import PeriodLocked
from canonical.landscape import Owner
from canonical.ledger.transfer import Transfer
from canonical.revenue import PeriodBooks, SealedEntry, Sealing
from canonical.transitions import PostingState
from store.events import EventStore
from store.revenue_closes import RevenueStore
from tests import builders as make
from tests.store.closer import LAST, PERIOD, RECORD, Closer


@pytest.fixture
def closer(engine: AsyncEngine) -> Closer:
    return Closer(engine, RevenueStore(engine, make.make_landscape()))


def amounts(sealed: SealedEntry) -> dict[str, str]:
    return {line.account: str(line.amount.amount) for line in sealed.entry.lines}


async def test_what_the_period_earned_is_sealed_by_account(closer: Closer) -> None:
    await closer.earn("100.00")
    await closer.earn("20.00")
    await closer.earn("7.00", on=date(2026, 11, 1))
    await closer.earn("9.00", owner=Owner.ERP)
    sealed = await closer.sealed()
    assert amounts(sealed) == {"1200": "120.00", "4000": "-120.00"}
    assert sealed.entry.lines[0].description == "Contract asset: 2 contracts"
    assert await closer.records.sealed_entry(sealed.entry.key) == sealed


async def test_what_is_sealed_stays_until_it_is_posted(closer: Closer) -> None:
    await closer.earn("100.00")
    first = await closer.sealed()
    await closer.earn("7.00")
    assert await closer.sealed() == first
    assert await closer.records.unposted_entry(make.ENTITY, PERIOD) == first
    assert closer.made == 1


async def test_the_next_entry_has_only_what_came_since(closer: Closer) -> None:
    await closer.earn("100.00")
    await closer.post(await closer.sealed())
    await closer.earn("7.00")
    second = await closer.sealed()
    assert (second.number, amounts(second)) == (2, {"1200": "7.00", "4000": "-7.00"})
    await closer.post(second, "MOV-2", RECORD.model_copy(update={"id": "8"}))
    assert await closer.seal() == Sealing(None, ())


async def test_the_next_entry_brings_right_what_the_erp_booked_otherwise(closer: Closer) -> None:
    await closer.earn("100.00")
    sealed = await closer.sealed()
    posted = await closer.post(sealed)
    elsewhere = tuple(
        line.model_copy(update={"account": "4999" if line.account == "4000" else line.account})
        for line in posted.lines
    )
    await closer.records.record_entry(posted.model_copy(update={"lines": elsewhere}))
    assert amounts(await closer.sealed()) == {"4000": "-100.00", "4999": "100.00"}


async def test_two_who_seal_at_once_seal_one_entry(closer: Closer) -> None:
    await closer.earn("100.00")
    first, second = await asyncio.gather(closer.sealed(), closer.sealed())
    assert first == second
    assert closer.made == 1


async def test_what_is_computed_wrongly_leaves_nothing(closer: Closer) -> None:
    await closer.earn("100.00")

    def fail(books: PeriodBooks) -> Transfer:
        raise RuleViolation("a kind of line is not mapped")

    with pytest.raises(RuleViolation):
        await closer.records.seal_entry(make.ENTITY, PERIOD, fail)
    assert await closer.records.sealed_entries(make.ENTITY, PERIOD) == []


async def test_the_posted_entry_is_kept_and_its_posting_confirmed(closer: Closer) -> None:
    await closer.earn("100.00")
    sealed = await closer.sealed()
    posted = await closer.post(sealed)
    await closer.records.record_entry(posted)
    (kept,) = await closer.records.sealed_entries(make.ENTITY, PERIOD)
    assert (kept.posted_as, kept.reference, kept.posted_on) == ("MOV-1", RECORD, LAST)
    assert kept.posted_lines == sealed.entry.lines
    posting = await closer.records.open_posting(sealed.entry.key, make.ERP)
    assert posting.state is PostingState.CONFIRMED
    assert await _trail(closer.engine) == ["revenue.sealed", "posting.confirmed", "revenue.posted"]


async def test_another_number_for_the_same_entry_is_refused(closer: Closer) -> None:
    await closer.earn("100.00")
    posted = await closer.post(await closer.sealed())
    with pytest.raises(RuleViolation, match="was posted as MOV-1"):
        await closer.records.record_entry(posted.model_copy(update={"number": "MOV-2"}))


async def test_an_entry_without_a_number_is_not_posted(closer: Closer) -> None:
    await closer.earn("100.00")
    sealed = await closer.sealed()
    with pytest.raises(RuleViolation, match="post it first"):
        await closer.post(sealed, "")


async def test_an_entry_that_was_never_sealed_is_missing(closer: Closer) -> None:
    with pytest.raises(RecordMissing):
        await closer.records.sealed_entry("revenue/nobody/2026-10/1")


@pytest.mark.parametrize(
    ("locked", "asked", "expected"),
    [
        ("2026-10", "2026-10", True),
        ("2026-11", "2026-10", True),
        ("2026-09", "2026-10", False),
    ],
    ids=["the period itself", "a later one", "an earlier one"],
)
async def test_a_lock_holds_for_the_period_and_those_before_it(
    closer: Closer, locked: str, asked: str, expected: bool
) -> None:
    await _lock(closer.engine, locked)
    assert await closer.records.is_locked(make.ENTITY, asked) is expected
    assert not await closer.records.is_locked("NORTH-UK", asked)


async def test_the_database_refuses_to_change_what_is_sealed(closer: Closer) -> None:
    await closer.earn("100.00")
    await closer.sealed()
    for change in ("UPDATE revenue_close SET post_on = now()", "DELETE FROM revenue_close"):
        with pytest.raises(DBAPIError):
            async with closer.engine.begin() as connection:
                await connection.execute(text(change))


async def test_the_database_refuses_a_second_entry_while_one_is_not_posted(closer: Closer) -> None:
    await closer.earn("100.00")
    await closer.sealed()
    again = (
        "INSERT INTO revenue_close (key, legal_entity, period, number, post_on, body)"
        " SELECT key || '0', legal_entity, period, number + 1, post_on, body FROM revenue_close"
    )
    with pytest.raises(DBAPIError, match="is sealed and not posted"):
        async with closer.engine.begin() as connection:
            await connection.execute(text(again))


async def _trail(engine: AsyncEngine) -> Sequence[str]:
    query = "SELECT action FROM audit_event WHERE process LIKE 'revenue/%' ORDER BY id"
    async with engine.connect() as connection:
        return list(await connection.scalars(text(query)))


async def _lock(engine: AsyncEngine, period: str) -> None:
    event = PeriodLocked(
        id=f"lock/{period}",
        source=make.ERP,
        occurred_at=make.RECEIVED_AT,
        legal_entity=make.ENTITY,
        period=period,
    )
    await EventStore(engine).record_event(event, make.RECEIVED_AT)
