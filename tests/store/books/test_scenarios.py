"""Every scenario comes out of the store as it comes out of the engine, to the cent."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.errors import DomainError
from canonical.scenario.compare import compare
from canonical.scenario.model import Scenario
from canonical.scenario.playing import fold, last_day_of
from canonical.scenario.tables import Tables, Value, tables_of
from runtime.scenario_files import read_scenario, scenario_files
from tests.store.books.kept import folded, kept
from tests.store.books.names import Names, landscape_of
from tests.store.books.playing import Player
from tests.store.conftest import Store

FOLDER = Path(__file__).parents[2] / "scenarios"

NOT_LIVED = {
    "audit/currencies-revalued-twice-in-a-month": "a decision is told to one contract at a time",
    "audit/payments-concession-leaves-a-residue": "the ERP's payments do not say what was deducted",
    "audit/payments-on-account-of-two-contracts": "the ERP's payments name their invoice",
    "credits/draft-discarded-then-posted-later": "the store keeps a draft until it is posted",
    "fixed/acceptance-without-evidence": "such an event is refused before it is recorded",
    "receivables/deductions-of-every-kind": "the ERP's payments do not say what was deducted",
}
"""Scenarios of what cannot happen in the store, and why."""


def _name(path: Path) -> str:
    return str(path.relative_to(FOLDER).with_suffix(""))


def _begins_and_stays_as_agreed(scenario: Scenario) -> bool:
    is_amended = any(event.amendment is not None for event in scenario.story)
    return not is_amended and not scenario.opening


ALL = {_name(path): read_scenario(path) for path in scenario_files([FOLDER])}
LIVED = {
    name: scenario
    for name, scenario in ALL.items()
    if _begins_and_stays_as_agreed(scenario) and name not in NOT_LIVED
}
ACCEPTED = {name: each for name, each in LIVED.items() if each.expect.refused is None}
REFUSED = {name: each for name, each in LIVED.items() if each.expect.refused is not None}


@pytest.mark.parametrize("scenario", ACCEPTED.values(), ids=ACCEPTED.keys())
async def test_a_scenario_comes_out_of_the_store_as_of_the_engine(
    scenario: Scenario, engine: AsyncEngine
) -> None:
    landscape = landscape_of(scenario)
    player = Player(Store.over(engine, landscape), scenario)
    await player.play()
    another = Store.over(engine, landscape)  # with nothing on its shelf: all comes from the rows
    async with engine.connect() as connection:
        assert await kept(connection) == folded(fold(scenario), player.names)
        _, told = await another.ledger.read(connection, player.contracts[0])
    tables = _put_back(tables_of(told.telling.books, [], last_day_of(scenario)), player.names)
    assert [str(each) for each in compare(scenario.expect, tables, ())] == []
    assert await another.conserves()


def _put_back(tables: Tables, names: Names) -> Tables:
    """Tables of the store's books, in the names that the scenario expects."""
    return {
        table: [{field: _said(value, names) for field, value in row.items()} for row in rows]
        for table, rows in tables.items()
    }


def _said(value: Value, names: Names) -> Value:
    return names.put_back(value) if isinstance(value, str) else value


@pytest.mark.parametrize("scenario", REFUSED.values(), ids=REFUSED.keys())
async def test_a_scenario_that_is_refused_leaves_nothing_of_the_refused_step(
    scenario: Scenario, engine: AsyncEngine
) -> None:
    store = Store.over(engine, landscape_of(scenario))
    player = Player(store, scenario)
    with pytest.raises(DomainError) as refused:
        await player.play()
    assert str(scenario.expect.refused) in player.names.put_back(str(refused.value))
    assert await store.count("book_chapter") == player.chapters


def test_few_scenarios_cannot_be_lived() -> None:
    assert set(NOT_LIVED) <= set(ALL)
    assert len(ACCEPTED) >= 40
