"""What the database itself refuses, whatever the code above it does: conservation, immutability."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import count

import pytest
import pytest_asyncio
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.ids import ContractId, TransactionId, transaction_id
from store.engine import sqlstate, transaction
from store.tables import billing_run, billing_transaction, book_chapter
from tests import builders as make
from tests.store.conftest import Store

ENTRY = make.make_time_entry()
CHECK_VIOLATION = "23514"


class Forger:
    """Puts transactions of the entry straight into the table, past every check of ours."""

    def __init__(self, store: Store, chapter: int, contract: ContractId) -> None:
        self._store, self._chapter, self._contract = store, chapter, contract
        self._numbers = count(1)

    async def add(
        self, quantity: str, *, run: int = 1, credits: TransactionId | None = None
    ) -> TransactionId:
        identity = transaction_id(self._contract, f"forged#{next(self._numbers)}")
        amount = Decimal(quantity) * 120
        row = {
            "id": identity,
            "chapter_id": self._chapter,
            "item_id": ENTRY.id,
            "item_version": 1,
            "engagement_id": make.ENGAGEMENT,
            "period": make.PERIOD,
            "run": run,
            "contract_id": self._contract,
            "contract_version": 1,
            "line_id": "time",
            "portion": 1,
            "kind": "time",
            "source": ENTRY.source,
            "external_id": ENTRY.external_id,
            "work_date": ENTRY.work_date,
            "person": ENTRY.person,
            "quantity": Decimal(quantity),
            "rate": Decimal(120),
            "rate_basis": "rates#1",
            "amount": amount,
            "net": amount,
            "measure": amount,
            "currency": "EUR",
            "tax_code": "DE19",
            "currency_basis": "contract currency EUR",
            "approved_by": ENTRY.approved_by,
            "customer": make.make_agreement().client.id,
            "legal_entity": make.ENTITY,
            "service_period": make.PERIOD,
            "beaten": [],
            "limits": {},
            "credits": credits,
        }
        async with transaction(self._store.engine) as connection:
            await connection.execute(insert(billing_transaction), [row])
        return identity


@pytest_asyncio.fixture
async def forger(active: Store) -> Forger:
    """An entry of eight hours is approved; runs 1 and 2 are open, in one chapter."""
    await active.work.store_items([ENTRY])
    contract = make.make_agreement().contract.contract_id
    runs = [
        {"engagement_id": make.ENGAGEMENT, "period": make.PERIOD, "run": run, "cutoff": make.CUTOFF}
        for run in (1, 2)
    ]
    chapter = insert(book_chapter).values(
        contract_id=contract, kind="cutoff", key="forged", told_on=make.NAIVE_CUTOFF, locked={}
    )
    async with transaction(active.engine) as connection:
        await connection.execute(insert(billing_run), runs)
        number = await connection.scalar(chapter.returning(book_chapter.c.id))
    assert number is not None
    return Forger(active, number, contract)


async def test_of_two_transactions_that_race_for_one_entry_the_database_refuses_one(
    active: Store, forger: Forger
) -> None:
    racing = (forger.add("5", run=run) for run in (1, 2))
    results = await asyncio.gather(*racing, return_exceptions=True)
    refused = [each for each in results if isinstance(each, BaseException)]
    assert [sqlstate(each) for each in refused if isinstance(each, DBAPIError)] == [CHECK_VIOLATION]
    assert len(refused) == 1
    assert await active.balance(ENTRY) == (8, 5, 0, 0)
    assert await active.conserves()


async def test_parts_may_fill_an_entry_to_its_last_minute_and_not_beyond(
    active: Store, forger: Forger
) -> None:
    await forger.add("5")
    with pytest.raises(IntegrityError, match="conservation"):
        await forger.add("3.0001", run=2)
    await forger.add("3", run=2)
    assert await active.balance(ENTRY) == (8, 8, 0, 0)


async def test_a_credit_reopens_what_it_credits(active: Store, forger: Forger) -> None:
    billed = await forger.add("8")
    await forger.add("-3", credits=billed)
    assert await active.balance(ENTRY) == (8, 8, 3, 0)
    await forger.add("3", run=2)
    assert await active.balance(ENTRY) == (8, 11, 3, 0)
    assert await active.conserves()


async def test_the_credit_of_a_recalled_entry_lowers_what_is_approved(
    active: Store, forger: Forger
) -> None:
    billed = await forger.add("8")
    await active.work.store_items([make.later(ENTRY, approved=False)])
    await forger.add("-3", credits=billed)
    assert await active.balance(ENTRY) == (5, 8, 3, 5)
    await forger.add("-5", credits=billed)
    assert await active.balance(ENTRY) == (0, 8, 8, 0)
    assert await active.column("SELECT state FROM credit_proposal") == ["credited"]
    assert await active.conserves()


async def test_a_transaction_cannot_be_credited_by_more_than_its_quantity(forger: Forger) -> None:
    await forger.add("5")
    billed = await forger.add("3", run=2)
    with pytest.raises(IntegrityError, match="more than its quantity"):
        await forger.add("-4", credits=billed, run=2)


async def test_a_transaction_that_takes_back_names_what_it_credits(forger: Forger) -> None:
    with pytest.raises(IntegrityError, match="billing_transaction_quantity_check"):
        await forger.add("-1")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE work_item_balance SET billed = 0",
        "UPDATE work_item_balance SET approved = 1000",
        "DELETE FROM work_item_balance",
        "TRUNCATE work_item_balance",
        "UPDATE billing_transaction SET amount = 0",
        "DELETE FROM billing_transaction",
        "TRUNCATE billing_transaction CASCADE",
        "UPDATE contract_version SET effective_from = '2020-01-01'",
        "DELETE FROM contract_version",
        "UPDATE audit_event SET actor = 'nobody'",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event CASCADE",
        "UPDATE audit_seal SET hash = ''",
        "DELETE FROM audit_seal",
        "TRUNCATE audit_seal CASCADE",
        "UPDATE audit_checkpoint SET previous = 0",
        "DELETE FROM audit_checkpoint",
        "TRUNCATE audit_checkpoint",
        "DELETE FROM subject_key",
        "TRUNCATE subject_key",
        "DELETE FROM work_item",
        "DELETE FROM invoice_transaction",
        "UPDATE invoice_line SET net = 0",
        "UPDATE book_chapter SET told_on = now()",
        "DELETE FROM book_chapter",
        "TRUNCATE book_chapter CASCADE",
        "UPDATE book_fact SET body = '{}'",
        "DELETE FROM book_fact",
        "TRUNCATE book_fact",
        "UPDATE book_work SET effect = 'gone'",
        "DELETE FROM book_work",
        "TRUNCATE book_work",
        "UPDATE work_item_archive SET body = '{}'",
        "DELETE FROM work_item_archive",
        "TRUNCATE work_item_archive",
        "UPDATE exchange_rate SET rate = 1",
        "DELETE FROM exchange_rate",
        "TRUNCATE exchange_rate",
        "UPDATE journal_entry SET event = ''",
        "DELETE FROM journal_entry",
        "TRUNCATE journal_entry CASCADE",
        "UPDATE journal_line SET amount = 0",
        "DELETE FROM journal_line",
        "TRUNCATE journal_line",
        "UPDATE revenue_schedule SET revenue_to_date = 0",
        "DELETE FROM revenue_schedule",
        "TRUNCATE revenue_schedule",
    ],
)
async def test_the_ledger_and_the_trail_cannot_be_changed_by_hand(
    active: Store, engine: AsyncEngine, statement: str
) -> None:
    with pytest.raises(DBAPIError, match=r"never changed or deleted|follows work_item"):
        async with transaction(engine) as connection:
            await connection.exec_driver_sql(statement)


async def test_the_proof_of_conservation_finds_a_balance_that_was_forged(
    active: Store, engine: AsyncEngine
) -> None:
    await active.work.store_items([ENTRY])
    async with transaction(engine) as connection:
        await connection.exec_driver_sql("ALTER TABLE work_item_balance DISABLE TRIGGER USER")
        await connection.exec_driver_sql("UPDATE work_item_balance SET billed = 1")
    assert not await active.conserves()
