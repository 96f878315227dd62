"""What the database itself refuses, whatever the code above it does: conservation, immutability."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.billing import BillingTransaction
from canonical.ids import TransactionId, transaction_id
from canonical.money import Money
from store.engine import transaction
from store.outcomes import copy_transactions
from tests import builders as make
from tests.store.conftest import Store, pricing

ENTRY = make.make_time_entry()
RUN = make.make_run()


async def add(engine: AsyncEngine, made: BillingTransaction, run: int) -> None:
    """Past every check of ours: straight into the table."""
    async with transaction(engine) as connection:
        await connection.exec_driver_sql("SELECT 1")
        await copy_transactions(connection, make.make_run(run), [made])


def part(of: BillingTransaction, quantity: str, run: int) -> BillingTransaction:
    return of.model_copy(
        update={
            "id": transaction_id(of.item_id, 1, 1, "2026-10", run),
            "run": run,
            "quantity": Decimal(quantity),
            "amount": Money.rounded(Decimal(quantity) * of.rate, "EUR"),
        }
    )


def credit(of: BillingTransaction, quantity: str, portion: int = 1) -> BillingTransaction:
    return part(of, f"-{quantity}", of.run).model_copy(
        update={
            "id": TransactionId(transaction_id(of.item_id, 1, 100 + portion, "2026-10", of.run)),
            "credits": of.id,
        }
    )


async def unstored(store: Store) -> BillingTransaction:
    """What a run would make of one entry of eight hours; runs 1 and 2 are open."""
    await store.work.store_items([ENTRY])
    await store.offered(2)
    return pricing(RUN)(await store.offered(1)).transactions[0]


async def test_of_two_transactions_that_race_for_one_entry_the_database_refuses_one(
    active: Store, engine: AsyncEngine
) -> None:
    made = await unstored(active)
    results = await asyncio.gather(
        *(add(engine, part(made, "5", run), run) for run in (1, 2)), return_exceptions=True
    )
    refused = [result for result in results if result is not None]
    assert [type(each) for each in refused] == [asyncpg.CheckViolationError]
    assert await active.balance(ENTRY) == (8, 5, 0, 0)
    assert await active.conserves()


async def test_parts_may_fill_an_entry_to_its_last_minute_and_not_beyond(
    active: Store, engine: AsyncEngine
) -> None:
    made = await unstored(active)
    await add(engine, part(made, "5", 1), 1)
    with pytest.raises(asyncpg.CheckViolationError):
        await add(engine, part(made, "3.0001", 2), 2)
    await add(engine, part(made, "3", 2), 2)
    assert await active.balance(ENTRY) == (8, 8, 0, 0)


async def test_a_credit_reopens_what_it_credits(active: Store, engine: AsyncEngine) -> None:
    made = await unstored(active)
    await add(engine, made, 1)
    await add(engine, credit(made, "3"), 1)
    assert await active.balance(ENTRY) == (8, 8, 3, 0)
    assert [item.unbilled for item in await active.offered(2)] == [3]
    assert await active.conserves()


async def test_the_credit_of_a_recalled_entry_lowers_what_is_approved(
    active: Store, engine: AsyncEngine
) -> None:
    made = await unstored(active)
    await add(engine, made, 1)
    await active.work.store_items([make.later(ENTRY, approved=False)])
    await add(engine, credit(made, "3"), 1)
    assert await active.balance(ENTRY) == (5, 8, 3, 5)
    await add(engine, credit(made, "5", portion=2), 1)
    assert await active.balance(ENTRY) == (0, 8, 8, 0)
    assert await active.column("SELECT state FROM credit_proposal") == ["credited"]
    assert await active.conserves()


async def test_a_transaction_cannot_be_credited_by_more_than_its_quantity(
    active: Store, engine: AsyncEngine
) -> None:
    made = await unstored(active)
    await add(engine, part(made, "5", 1), 1)
    await add(engine, part(made, "3", 2), 2)
    with pytest.raises(asyncpg.CheckViolationError, match="more than its quantity"):
        await add(engine, credit(part(made, "3", 2), "4"), 2)


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
        "TRUNCATE audit_event",
        "DELETE FROM work_item",
        "DELETE FROM invoice_transaction",
        "UPDATE invoice_line SET net = 0",
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
