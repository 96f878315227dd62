"""Parts between revenue and billing add up to the position, at every point of every scenario."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from canonical.engine.books import Books
from canonical.engine.fold import continue_story, open_books
from canonical.engine.running import day_of
from canonical.errors import DomainError
from canonical.reports.unbilled import IN_POSITION, UnbilledState, unbilled_parts
from canonical.scenario.model import Scenario, entities_of, versions_of
from runtime.scenario_files import ScenarioInvalid, read_scenario, scenario_files

SCENARIOS = Path(__file__).parents[2] / "scenarios"

Point = tuple[str, Books, date]


def points() -> Iterator[Point]:
    """The books after each event of each scenario that begins with nothing."""
    for path in scenario_files([SCENARIOS]):
        try:
            scenario = read_scenario(path)
        except ScenarioInvalid:
            continue
        if not scenario.opening:
            yield from _points(path.stem, scenario)


def _points(name: str, scenario: Scenario) -> Iterator[Point]:
    entities = entities_of(scenario)
    versions = versions_of(scenario, entities)
    story = sorted(scenario.story, key=lambda event: str(event.arrives or event.on))
    for number in range(1, len(story) + 1):
        try:
            books = open_books(entities, versions)
            continue_story(books, versions, story[:number])
        except DomainError:
            return
        days = [day_of(event.arrives or event.on) for event in story[:number]]
        effects = [
            each.effective_from for book in books.contracts.values() for each in book.terms.versions
        ]
        yield f"{name} after event {number}", books, max([*days, *effects])


def in_position(books: Books, on: date) -> dict[tuple[str, str, str], Decimal]:
    sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for contract in books.contracts:
        for part in unbilled_parts(books, contract, on):
            if part.state in IN_POSITION:
                sums[part.place.entity, contract, part.place.currency] += part.amount
    return {key: amount for key, amount in sums.items() if amount}


@pytest.fixture(scope="module")
def told() -> list[Point]:
    return list(points())


def test_parts_that_are_earned_and_not_billed_are_the_position(told: list[Point]) -> None:
    proven = 0
    for name, books, on in told:
        position = {key: each.net for key, each in books.positions.items() if each.net}
        assert in_position(books, on) == position, name
        proven += bool(position)
    assert proven > 80


def test_the_scenarios_show_every_state_of_a_part(told: list[Point]) -> None:
    states = Counter(
        part.state
        for _, books, on in told
        for contract in books.contracts
        for part in unbilled_parts(books, contract, on)
    )
    assert set(states) == set(UnbilledState)
