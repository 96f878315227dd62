"""Every scenario in this folder comes out as it expects, in under a second."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from canonical.scenario.compare import Difference
from runtime.scenario_files import run_scenario, scenario_files

FOLDER = Path(__file__).parent
SECONDS_MAX = 1.0


def _name(path: Path) -> str:
    return str(path.relative_to(FOLDER).with_suffix(""))


@pytest.mark.parametrize("path", scenario_files([FOLDER]), ids=_name)
def test_a_scenario_comes_out_as_it_expects(path: Path) -> None:
    outcome = run_scenario(path)
    assert [str(each) for each in outcome.differences] == []


@pytest.mark.parametrize("path", scenario_files([FOLDER / "golden"]), ids=_name)
def test_a_golden_case_takes_less_than_a_second_of_work(path: Path) -> None:
    begun = time.process_time()
    run_scenario(path)
    assert time.process_time() - begun < SECONDS_MAX


def test_a_difference_reads_like_a_sentence() -> None:
    difference = Difference("invoices", "INV-1", "gross", "1190.00", "1190.01")
    assert str(difference) == "invoices: INV-1, gross: expected 1190.00, found 1190.01"
