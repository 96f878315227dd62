"""A broken file is told with file, line, field and what was expected there."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from runtime.plain_yaml import PlainYaml
from runtime.scenario_files import (
    ScenarioInvalid,
    read_scenario,
    run_scenario,
    scenario_files,
)
from tests.scenarios.commands import app
from workers.commands.scenario import schema_text

FOLDER = Path(__file__).parent
GOOD = """\
scenario: small
contracts:
  - contract_id: C-1
    bill_to: ACME
    currency: EUR
    effective_from: 2026-01-01
    lines:
      - method: time_and_materials
        line_id: time
        rates:
          - {row: r1, role: Dev, rate: 100.00, effective_from: 2026-01-01}
story:
  - on: 2026-01-20
    time: {id: A, work_date: 2026-01-10, role: Dev, hours: 1}
  - on: 2026-01-31
    cutoff: {invoice: INV-1}
expect:
  balances: {"1100": 100.00, "4000": -100.00}
"""
RETAINER = (
    "      - {method: retainer, line_id: r, starts: 2026-01-01, fee: 1, included_hours: 1, "
    "overage_rate: 1}\n"
)
SECOND_ROW = "          - {row: r2, role: Dev, rate: 110.00, effective_from: 2026-06-01}\n"
CAP = "    caps: [{cap_id: NTE, amount: 10, currency: USD}]\n"
PAYERS = "    payers: [{customer: A, share: 0.5}, {customer: B, share: 0.4}]\n"
LINES = "    lines:\n"
STORY = "story:\n"

BROKEN: dict[str, tuple[str, str, str, str]] = {
    "overlapping rates": (
        STORY,
        SECOND_ROW + STORY,
        ":8: contracts.0.lines.0: contract line time: rate rows r1 and r2 overlap",
        "end the first before",
    ),
    "negative rate": (
        "rate: 100.00",
        "rate: -1.00",
        ":11: contracts.0.lines.0.rates.0.rate:",
        "greater than or equal to 0",
    ),
    "cap in another currency": (
        LINES,
        CAP + LINES,
        ":3: contracts.0: cap NTE is in USD",
        "state the cap in the contract's currency",
    ),
    "shares that do not add up to one": (
        LINES,
        PAYERS + LINES,
        ":3: contracts.0: the payers' shares add up to 0.9",
        "not to 1",
    ),
    "retainer without period": (
        STORY,
        RETAINER + STORY,
        "contracts.0.lines.1.period",
        "Expected period here.",
    ),
    "a field that does not exist": (
        "hours: 1}",
        "hourz: 1}",
        ":14: story.0.time.hourz",
        "Did you mean hours?",
    ),
    "an amount that is no number": (
        "rate: 100.00",
        "rate: many",
        ":11: contracts.0.lines.0.rates.0.rate",
        "Expected a number such as 180.00.",
    ),
    "a day that is none": (
        "work_date: 2026-01-10",
        "work_date: 2026-02-30",
        ":14: story.0.time.work_date",
        "day value is outside expected range",
    ),
    "a field of something else": (
        "hours: 1}",
        "hours: 1, markup_percent: 3}",
        ":14: story.0.time.markup_percent: there is no such field",
        "Expected one or more of approved_at, billable, contract,",
    ),
    "a kind of line that does not exist": (
        "method: time_and_materials",
        "method: t_and_m",
        ":8: contracts.0.lines.0: this kind is not known",
        "Expected one of time_and_materials, expenses,",
    ),
    "a day in another order": (
        "on: 2026-01-31",
        "on: 31.01.2026",
        ":15: story.1.on: '31.01.2026' is neither a day such as 2026-03-31",
        "nor a moment such as 2026-03-31T18:00",
    ),
    "a word where fields belong": (
        "time: {id: A, work_date: 2026-01-10, role: Dev, hours: 1}",
        "progress: half",
        ":14: story.0.progress: it has fields of its own",
        "as_of, contract, estimate, line, to_date",
    ),
    "a cap of a kind that says none": (
        LINES,
        "    caps: {cap_id: T, scope: entry_kind, amount: 1}\n" + LINES,
        ":7: contracts.0.caps.0: cap T of scope entry_kind needs `kinds`",
        "time, expense, fee",
    ),
    "two events in one": (
        "    cutoff: {invoice: INV-1}",
        "    cutoff: {}\n    revalue: {}",
        ":15: story.1: an event has `on` and exactly one of",
        "here cutoff, revalue is given",
    ),
    "a key twice": (
        "    currency: EUR",
        "    currency: EUR\n    currency: USD",
        ":6: 'currency' is named twice",
        "Remove one of them.",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_told_with_its_place(name: str, tmp_path: Path) -> None:
    good, bad, place, expected = BROKEN[name]
    path = tmp_path / "case.yaml"
    path.write_text(GOOD.replace(good, bad, 1))
    with pytest.raises(ScenarioInvalid) as refused:
        read_scenario(path)
    assert place in str(refused.value)
    assert expected in str(refused.value)
    assert str(path) in str(refused.value)


PLAIN = """\
scenario: plain
contracts:
  contract_id: C-1
  bill_to: ACME
  currency: EUR
  effective_from: 2026-01-01
  caps: {cap_id: NTE, amount: 1000, kinds: time}
  lines: {method: time_and_materials, line_id: time, rates: {person: Eve, rate: 100}}
story:
  - on: 2026-01-20
    time: {id: A, work_date: 2026-01-10, person: Eve, hours: 1}
  - on: 2026-01-31
    revenue_close: 2026-01
  - on: 2026-01-31
    cutoff: {invoice: INV-1, draft: true}
  - on: 2026-02-01
    lock: 2026-01
  - on: 2026-02-02
    post: INV-1
expect:
  transactions: {entry: A, rate_basis: "rates#1", amount: 100.00}
  balances: {1100: 100, 4000: -100}
"""


def test_single_values_stand_for_lists_and_short_words_for_fields(tmp_path: Path) -> None:
    path = tmp_path / "plain.yaml"
    path.write_text(PLAIN)
    assert run_scenario(path).differences == ()


def test_a_refusal_is_told_with_its_line_and_event(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(GOOD.replace("role: Dev, hours", "role: Cook, hours"))
    result = CliRunner().invoke(app, ["scenario", "run", str(path)])
    assert result.exit_code == 1
    assert "case.yaml:13: story.0, time on 2026-01-20: contract line time has no" in result.output


def test_one_file_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD.replace("hours: 1}", "hourz: 1}"))
    (tmp_path / "b.yaml").write_text(GOOD)
    result = CliRunner().invoke(app, ["scenario", "run", str(tmp_path)])
    assert result.exit_code == 1
    assert "Did you mean hours?" in result.output
    assert "1 of 2 as expected" in result.output


def test_a_folder_without_scenarios_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioInvalid, match="there is no scenario"):
        scenario_files([tmp_path])


def test_the_command_leaves_with_0_when_all_is_as_expected(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(GOOD)
    result = CliRunner().invoke(app, ["scenario", "run", str(path)])
    assert result.exit_code == 0
    assert "1 of 1 as expected" in result.output


def test_the_command_leaves_with_1_and_names_the_difference(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(GOOD.replace('"1100": 100.00', '"1100": 100.01'))
    result = CliRunner().invoke(app, ["scenario", "run", str(path), "--quiet"])
    assert result.exit_code == 1
    assert "100.01" in result.output
    assert "0 of 1 as expected" in result.output


def test_the_machine_reads_tables_with_numbers_as_text(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(GOOD)
    result = CliRunner().invoke(app, ["scenario", "run", str(path), "--json"])
    (told,) = json.loads(result.output)
    assert told["passed"] is True
    assert told["tables"]["transactions"][0]["amount"] == "100.00"


def test_the_published_schema_is_current() -> None:
    published = FOLDER.parents[1] / "docs" / "scenario.schema.json"
    assert published.read_text() == schema_text(), "run `c2c scenario schema` and commit the file"


@pytest.mark.parametrize("path", scenario_files([FOLDER / "golden"]), ids=lambda path: path.stem)
def test_a_golden_case_fits_the_published_schema(path: Path) -> None:
    document = PlainYaml(path.read_text()).value
    jsonschema.validate(document, json.loads(schema_text()))
