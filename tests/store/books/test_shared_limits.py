"""Limits that several contracts of a customer share: never exceeded, whoever bills first."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest_asyncio

from canonical.contract import ContractVersion
from canonical.records import RunSummary
from canonical.terms.policies import Cap, CapScope
from canonical.work import TimeEntry
from store.books.groups import lock_group
from tests import builders as make
from tests.store.books.seeding import another_contract, project_of, set_up
from tests.store.conftest import Store

YEAR = Cap(cap_id="YEAR", scope=CapScope.CUSTOMER, hours=Decimal(100))
SHARING = tuple(another_contract(number, caps=(YEAR,)) for number in (1, 2))
APART = another_contract(3)


@pytest_asyncio.fixture
async def sold(store: Store) -> Store:
    """Two contracts share a customer's hundred hours, a third one has nothing to do with them."""
    for number, contract in enumerate((*SHARING, APART), start=1):
        await set_up(store.engine, contract, project_ref=project_of(number))
    return store


def worked(number: int, entries: int) -> list[TimeEntry]:
    """Eight hours each, for one of the contracts."""
    project = project_of(number)
    return [make.make_time_entry(f"{number}-{entry}", project=project) for entry in range(entries)]


async def bill(store: Store, contract: ContractVersion, number: int = 1) -> RunSummary:
    cutoff = make.CUTOFF + timedelta(days=number)
    run = make.make_run(number, engagement_id=contract.engagement_id, cutoff=cutoff)
    return await store.bill(run, cutoff)


async def hours(store: Store) -> Decimal:
    """Billed under the cap."""
    (found,) = await store.column(
        "SELECT coalesce(sum(quantity), 0) FROM billing_transaction"
        " WHERE contract_id = ANY(CAST(:contracts AS uuid[]))",
        contracts=[each.contract_id for each in SHARING],
    )
    return Decimal(str(found))


async def test_two_contracts_that_race_never_pass_the_cap_that_they_share(sold: Store) -> None:
    for number in (1, 2):
        await sold.work.store_items(worked(number, 10))
    for run in (1, 2):
        await asyncio.gather(*(bill(sold, contract, run) for contract in SHARING))
    assert await hours(sold) == 100
    assert await sold.is_proven()


async def test_two_processes_that_race_never_pass_the_cap_either(sold: Store) -> None:
    other = Store.over(sold.engine, make.make_landscape())
    for run in (1, 2, 3):
        for number in (1, 2):
            items = [
                each.model_copy(update={"external_id": f"{run}-{each.external_id}"})
                for each in worked(number, 3)
            ]
            await sold.work.store_items(items)
        await asyncio.gather(bill(sold, SHARING[0], run), bill(other, SHARING[1], run))
    assert await hours(sold) == 100
    assert await sold.is_proven()


async def test_a_contract_without_the_cap_does_not_wait_for_the_others(sold: Store) -> None:
    async with sold.engine.connect() as connection, connection.begin():
        await lock_group(connection, SHARING[0].contract_id)
        await sold.work.store_items(worked(3, 20))
        assert (await bill(sold, APART)).transactions == 20


async def test_what_the_cap_leaves_is_said_on_the_contract_that_was_late(sold: Store) -> None:
    await sold.work.store_items(worked(1, 12))
    await sold.work.store_items(worked(2, 1))
    assert (await bill(sold, SHARING[0])).held == 0
    late = await bill(sold, SHARING[1])
    assert (late.transactions, late.held) == (1, 1)
    assert await sold.rows("SELECT reason, quantity FROM hold") == [("over the cap YEAR", 4)]


async def test_the_rows_of_a_shared_story_belong_each_to_its_contract(sold: Store) -> None:
    for number in (1, 2):
        await sold.work.store_items(worked(number, 2))
    await asyncio.gather(*(bill(sold, contract) for contract in SHARING))
    named = await sold.rows(
        "SELECT DISTINCT j.contract_id::text, l.contract FROM journal_entry j"
        " JOIN journal_line l ON l.journal_id = j.id ORDER BY 1"
    )
    ids = sorted(each.contract_id for each in SHARING)
    assert named == [(each, each) for each in ids]
    assert await sold.is_proven()
