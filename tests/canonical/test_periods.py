"""Billing periods and due dates: month ends, leap days, year ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from canonical.periods import (
    Period,
    day_before,
    due_date,
    first_day,
    last_day,
    next_period,
    period_of,
)
from tests.canonical.builders import day

DAYS = st.dates(min_value=date(1, 1, 1), max_value=date(9998, 12, 31))


@pytest.mark.parametrize(
    ("period", "first", "last", "following"),
    [
        ("2026-03", "2026-03-01", "2026-03-31", "2026-04"),
        ("2026-02", "2026-02-01", "2026-02-28", "2026-03"),
        ("2028-02", "2028-02-01", "2028-02-29", "2028-03"),
        ("2026-12", "2026-12-01", "2026-12-31", "2027-01"),
    ],
)
def test_a_period_is_a_calendar_month(period: str, first: str, last: str, following: str) -> None:
    assert (first_day(period), last_day(period)) == (day(first), day(last))
    assert next_period(period) == following


@given(DAYS)
def test_every_day_is_in_its_period_and_no_other(any_day: date) -> None:
    period = period_of(any_day)
    assert first_day(period) <= any_day <= last_day(period)
    assert last_day(period) + timedelta(days=1) == first_day(next_period(period))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-13",
        "2026-00",
        "2026-1",
        "26-01",
        "2026-03-01",
        "2026-11\n",
        "0000-01",
        "\u0662\u0660\u0662\u0666-11",
    ],
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="billing period"):
        TypeAdapter(Period).validate_python(text)


@pytest.mark.parametrize(
    ("invoiced", "net_days", "due"),
    [
        ("2026-04-02", 30, "2026-05-02"),
        ("2028-02-01", 30, "2028-03-02"),
        ("2026-12-31", 14, "2027-01-14"),
        ("2026-04-02", 0, "2026-04-02"),
    ],
)
def test_a_due_date_counts_calendar_days(invoiced: str, net_days: int, due: str) -> None:
    assert due_date(day(invoiced), net_days) == day(due)


@pytest.mark.parametrize(
    ("zone", "expected"),
    [("Europe/Berlin", "2026-07-31"), ("UTC", "2026-07-30"), ("America/New_York", "2026-07-30")],
)
def test_the_day_before_is_counted_where_the_books_are(zone: str, expected: str) -> None:
    assert day_before(datetime(2026, 7, 31, 22, 30, tzinfo=UTC), zone) == day(expected)
