"""Mutation: any expected figure of a golden case, changed by one cent, makes the case fail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from canonical.scenario.compare import compare
from canonical.scenario.model import Expect
from canonical.scenario.playing import Outcome
from runtime.plain_yaml import PlainYaml
from runtime.scenario_files import run_scenario, scenario_files

GOLDEN = Path(__file__).parent / "golden"
FIGURE = re.compile(r"-?[0-9]+(\.[0-9]+)?")
CENT = Decimal("0.01")
Place = tuple[str | int, ...]


def _expected(path: Path) -> dict[str, Any]:
    document = PlainYaml(path.read_text(), numbers_as_text=True).value
    assert isinstance(document, dict)
    expected: dict[str, Any] = document["expect"]
    return expected


def _figures(value: object, place: Place = ()) -> Iterator[Place]:
    if isinstance(value, dict):
        for key, each in value.items():
            if key != "account":
                yield from _figures(each, (*place, key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _figures(each, (*place, number))
    elif isinstance(value, str) and FIGURE.fullmatch(value):
        yield place


def _with_a_cent_more(expected: dict[str, Any], place: Place) -> Expect:
    changed = deepcopy(expected)
    holder: Any = changed
    for part in place[:-1]:
        holder = holder[part]
    holder[place[-1]] = str(Decimal(holder[place[-1]]) + CENT)
    return Expect.model_validate(changed)


@cache
def _outcome(path: Path) -> Outcome:
    return run_scenario(path)


CASES = [(path, place) for path in scenario_files([GOLDEN]) for place in _figures(_expected(path))]


@pytest.mark.parametrize(
    ("path", "place"),
    CASES,
    ids=[f"{path.stem[:3]}-{'.'.join(str(part) for part in place)}" for path, place in CASES],
)
def test_a_figure_that_is_a_cent_off_is_found(path: Path, place: Place) -> None:
    outcome = _outcome(path)
    assert outcome.passed
    changed = _with_a_cent_more(_expected(path), place)
    assert compare(changed, outcome.tables, outcome.scenario.opening)


def test_the_golden_cases_hold_hundreds_of_figures() -> None:
    assert len(CASES) > 300
