"""Billing periods and due dates: dates in, dates out."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, ParamSpec, TypeVar, cast
from zoneinfo import ZoneInfo

from pydantic import AfterValidator

_MONTH = re.compile(r"(?!0000)[0-9]{4}-(0[1-9]|1[0-2])")
P = ParamSpec("P")
T = TypeVar("T")


def _remembered(function: Callable[P, T]) -> Callable[P, T]:
    """A billing run asks for the same few days and months again and again."""
    return cast("Callable[P, T]", lru_cache(maxsize=4_096)(function))


def _valid_period(text: str) -> str:
    if not _MONTH.fullmatch(text):
        raise ValueError(f"{text!r} is not a billing period; write year and month, such as 2026-11")
    return text


Period = Annotated[str, AfterValidator(_valid_period)]
"""A calendar month, `YYYY-MM`."""


@_remembered
def period_of(day: date) -> str:
    return f"{day.year:04d}-{day.month:02d}"


@_remembered
def first_day(period: str) -> date:
    year, month = _valid_period(period).split("-")
    return date(int(year), int(month), 1)


@_remembered
def last_day(period: str) -> date:
    first = first_day(period)
    return first.replace(day=calendar.monthrange(first.year, first.month)[1])


@_remembered
def next_period(period: str) -> str:
    return period_of(last_day(period) + timedelta(days=1))


def due_date(invoice_date: date, net_days: int) -> date:
    """Invoice date plus net days, counted in calendar days."""
    return invoice_date + timedelta(days=net_days)


def day_before(moment: datetime, time_zone: str) -> date:
    """The day before the one that `moment` falls on in a time zone."""
    return (moment.astimezone(ZoneInfo(time_zone)) - timedelta(days=1)).date()
