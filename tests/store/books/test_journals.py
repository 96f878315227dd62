"""Journals as the database takes them: balanced, complete, in one currency, and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest
import pytest_asyncio
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store.engine import transaction
from store.tables import book_chapter, journal_entry, journal_line
from tests import builders as make
from tests.store.conftest import Store

CONTRACT = make.make_agreement().contract.contract_id
Line = dict[str, object]


def line(account: str, amount: str, document: str | None = None, **changes: object) -> Line:
    """A side in EUR of a document in USD."""
    return {
        "account": account,
        "amount": Decimal(amount),
        "currency": "EUR",
        "document_amount": Decimal(document or amount),
        "document_currency": "USD",
        **changes,
    }


BALANCED = (line("1200", "92.59", "100.00"), line("4000", "-92.59", "-100.00"))


@pytest_asyncio.fixture
async def chapter(engine: AsyncEngine) -> int:
    row = insert(book_chapter).values(
        contract_id=CONTRACT, kind="cutoff", key="forged", told_on=make.NAIVE_CUTOFF, locked={}
    )
    async with transaction(engine) as connection:
        number = await connection.scalar(row.returning(book_chapter.c.id))
    assert number is not None
    return int(number)


async def post(
    connection: AsyncConnection, chapter: int, lines: Sequence[Line], **changes: object
) -> int:
    head = {
        "chapter_id": chapter,
        "number": 1,
        "contract_id": CONTRACT,
        "legal_entity": make.ENTITY,
        "posted_on": date(2026, 11, 30),
        "period": "2026-11",
        "currency": "EUR",
        "document_currency": "USD",
        "event": "revenue",
        "owner": "engine",
        **changes,
    }
    new = insert(journal_entry).values(**head).returning(journal_entry.c.id)
    journal = await connection.scalar(new)
    assert journal is not None
    await add(connection, journal, lines)
    return int(journal)


async def add(
    connection: AsyncConnection, journal: int, lines: Sequence[Line], first: int = 1
) -> None:
    if lines:
        rows = [
            {"journal_id": journal, "line_no": n, **each} for n, each in enumerate(lines, first)
        ]
        await connection.execute(insert(journal_line), rows)


async def kept(
    engine: AsyncEngine, chapter: int, lines: Sequence[Line] = BALANCED, *more: Sequence[Line]
) -> int:
    """Journals in one transaction; the id of the first."""
    async with transaction(engine) as connection:
        journal = await post(connection, chapter, lines)
        for number, each in enumerate(more, start=2):
            await post(connection, chapter, each, number=number)
    return journal


UNBALANCED = {
    "no lines": (),
    "one line of nothing": (line("1200", "0"),),
    "one side only": (line("1200", "92.59", "100.00"),),
    "a cent off in the ledger's currency": (
        line("1200", "92.59", "100.00"),
        line("4000", "-92.58", "-100.00"),
    ),
    "a cent off in the document's currency": (
        line("1200", "92.59", "100.00"),
        line("4000", "-92.59", "-99.99"),
    ),
    "off by less than any currency knows": (
        line("1200", "0.00001", "0"),
        line("4000", "0", "0"),
    ),
}


@pytest.mark.parametrize("lines", UNBALANCED.values(), ids=UNBALANCED.keys())
async def test_a_journal_that_does_not_balance_is_refused_when_it_is_committed(
    engine: AsyncEngine, chapter: int, store: Store, lines: Sequence[Line]
) -> None:
    with pytest.raises(IntegrityError, match="does not balance"):
        await kept(engine, chapter, lines)
    assert await store.count("journal_entry") == 0


async def test_lines_may_come_one_by_one_as_long_as_they_balance_in_the_end(
    engine: AsyncEngine, chapter: int, store: Store
) -> None:
    async with transaction(engine) as connection:
        journal = await post(connection, chapter, ())
        for number, each in enumerate(BALANCED, start=1):
            await add(connection, journal, [each], number)
    assert await store.count("journal_line") == 2


@pytest.mark.parametrize("lines", [BALANCED, BALANCED[:1]], ids=["balanced", "not balanced"])
async def test_nothing_is_added_to_a_journal_later(
    engine: AsyncEngine, chapter: int, lines: Sequence[Line]
) -> None:
    journal = await kept(engine, chapter)
    with pytest.raises(IntegrityError, match="correct it by another one"):
        async with transaction(engine) as connection:
            await add(connection, journal, lines, first=3)


@pytest.mark.parametrize("column", ["currency", "document_currency"])
async def test_a_line_in_another_currency_than_its_journal_is_refused(
    engine: AsyncEngine, chapter: int, column: str
) -> None:
    foreign = tuple({**each, column: "GBP"} for each in BALANCED)
    with pytest.raises(IntegrityError, match="journal_line_journal_id_currency"):
        await kept(engine, chapter, foreign)


REFUSED = {
    "a day outside its period": ({"posted_on": date(2026, 12, 1)}, "journal_entry_period_check"),
    "nobody's": ({"owner": "somebody"}, "journal_entry_owner_check"),
    "a reversal of nothing": ({"reverses": 1_000_000}, "journal_entry_reverses_fkey"),
    "of no chapter": ({"chapter_id": 1_000_000}, "journal_entry_chapter_id_fkey"),
}


@pytest.mark.parametrize(("changes", "constraint"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_journal_that_cannot_be_is_refused(
    engine: AsyncEngine, chapter: int, changes: dict[str, object], constraint: str
) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        async with transaction(engine) as connection:
            await post(connection, chapter, BALANCED, **changes)


async def test_one_place_of_a_chapter_holds_one_journal(engine: AsyncEngine, chapter: int) -> None:
    await kept(engine, chapter)
    with pytest.raises(IntegrityError, match="journal_entry_chapter_id_contract_id_number_key"):
        await kept(engine, chapter)


async def test_one_journal_refused_takes_the_whole_chapter_with_it(
    engine: AsyncEngine, chapter: int, store: Store
) -> None:
    with pytest.raises(IntegrityError, match="does not balance"):
        await kept(engine, chapter, BALANCED, BALANCED[:1])
    async with engine.connect() as connection:
        assert (await connection.execute(select(journal_line))).all() == []


# -- what billing writes ---------------------------------------------------------------------------


async def test_what_a_run_earns_is_a_journal_of_its_work_period(active: Store) -> None:
    await active.work.store_items([make.make_time_entry(), make.make_expense()])
    await active.bill()
    assert await active.sums() == {
        ("2026-11", "1200"): Decimal("1054.40"),
        ("2026-11", "2000"): Decimal("-89.90"),
        ("2026-11", "4000"): Decimal("-960.00"),
        ("2026-11", "4010"): Decimal("-94.40"),
        ("2026-11", "5010"): Decimal("89.90"),
    }


async def test_a_posted_invoice_clears_what_was_earned(active: Store) -> None:
    await active.work.store_items([make.make_time_entry()])
    draft = await active.draft_of()
    await active.post(draft.id)
    assert await active.sums() == {
        ("2026-11", "1200"): Decimal("960.00"),
        ("2026-11", "4000"): Decimal("-960.00"),
        ("2026-12", "1100"): Decimal("1142.40"),
        ("2026-12", "1200"): Decimal("-960.00"),
        ("2026-12", "2300"): Decimal("-182.40"),
    }


async def test_a_journal_says_what_made_it_and_which_document_the_erp_books(active: Store) -> None:
    await active.work.store_items([make.make_time_entry()])
    draft = await active.draft_of()
    await active.post(draft.id)
    found = await active.rows(
        "SELECT c.kind, j.document, j.service_period, j.owner FROM journal_entry j"
        " JOIN book_chapter c ON c.id = j.chapter_id ORDER BY j.id"
    )
    assert found == [("cutoff", "", "2026-11", "engine"), ("post", draft.key, "", "engine")]
