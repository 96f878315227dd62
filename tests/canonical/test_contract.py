"""Contracts: which version and which rate holds on a work date."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from canonical.contract import version_on
from canonical.errors import RateMissing, RuleViolation
from tests.canonical.builders import JUNIOR, SENIOR, day, make_contract, make_rate, time_line

TWO_RATES = time_line(make_rate("180", "2026-03-01", "2026-03-15"), make_rate("195", "2026-03-16"))

OVERLAPS = {
    "same day": [("2026-03-01", "2026-03-16"), ("2026-03-16", None)],
    "open end before another": [("2026-03-01", None), ("2026-03-16", None)],
    "inside": [("2026-03-01", "2026-03-31"), ("2026-03-10", "2026-03-11")],
    "listed backwards": [("2026-03-16", None), ("2026-03-01", "2026-03-20")],
}


@pytest.mark.parametrize("spans", OVERLAPS.values(), ids=OVERLAPS.keys())
def test_rates_of_a_role_that_overlap_are_refused(spans: list[tuple[str, str | None]]) -> None:
    with pytest.raises(ValidationError, match="overlap for role 'Senior Consultant'"):
        time_line(*(make_rate("180", first, last) for first, last in spans))


def test_rates_of_different_roles_may_hold_at_once() -> None:
    line = time_line(make_rate("180"), make_rate("120", role=JUNIOR))
    assert line.rate_for(JUNIOR, day("2026-03-01"), "t").rate == 120


def test_a_rate_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValidationError, match="before it begins"):
        make_rate("180", "2026-03-16", "2026-03-15")


@pytest.mark.parametrize("rate", ["-1", "180.00005", "10000000000"])
def test_a_rate_that_cannot_be_right_is_refused(rate: str) -> None:
    with pytest.raises(ValidationError):
        make_rate(rate)


@pytest.mark.parametrize(
    ("work_date", "rate"),
    [("2026-03-01", 180), ("2026-03-15", 180), ("2026-03-16", 195), ("2030-01-01", 195)],
)
def test_a_rate_holds_from_its_first_to_its_last_day(work_date: str, rate: int) -> None:
    assert TWO_RATES.rate_for(SENIOR, day(work_date), "t").rate == rate


@pytest.mark.parametrize(
    ("role", "work_date"),
    [(SENIOR, "2026-02-28"), (JUNIOR, "2026-03-10"), ("", "2026-03-10")],
    ids=["before the first rate", "another role", "no role"],
)
def test_a_gap_in_the_rates_names_line_role_date_and_item(role: str, work_date: str) -> None:
    with pytest.raises(RateMissing) as missing:
        TWO_RATES.rate_for(role, day(work_date), "psa/77")
    error = missing.value
    assert (error.line_id, error.role, error.work_date, error.item) == (
        "time",
        role,
        day(work_date),
        "psa/77",
    )


@given(st.dates(min_value=day("2026-03-01"), max_value=day("2027-03-01")))
def test_no_day_has_two_rates(work_date: date) -> None:
    assert sum(row.covers(SENIOR, work_date) for row in TWO_RATES.rates) == 1


VERSIONS = (
    make_contract(version=1, effective_from="2026-01-01"),
    make_contract(version=3, effective_from="2026-03-01"),
    make_contract(version=2, effective_from="2026-03-01"),
    make_contract(version=4, effective_from="2026-06-01"),
)


@pytest.mark.parametrize(
    ("work_date", "version"),
    [
        pytest.param("2026-01-01", 1, id="first day"),
        pytest.param("2026-02-28", 1, id="day before a change"),
        pytest.param("2026-03-01", 3, id="of two from one day, the later"),
        pytest.param("2026-05-31", 3, id="last day"),
        pytest.param("2026-06-01", 4, id="newest"),
    ],
)
def test_the_version_of_the_work_date_is_in_force(work_date: str, version: int) -> None:
    assert version_on(VERSIONS, day(work_date)).version == version


def test_work_before_the_contract_begins_is_refused() -> None:
    with pytest.raises(RuleViolation, match="2025-12-31 is before the contract begins"):
        version_on(VERSIONS, day("2025-12-31"))


def test_a_line_is_found_by_its_method() -> None:
    contract = make_contract()
    assert contract.line_of("expenses") is contract.lines[1]
    assert contract.line_of("retainer") is None


def test_a_contract_survives_json_with_its_kinds_of_lines() -> None:
    contract = make_contract(TWO_RATES)
    again = type(contract).model_validate_json(contract.model_dump_json())
    assert again == contract
    assert isinstance(TWO_RATES.rates[0].rate, Decimal)
