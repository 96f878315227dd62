"""Billing periods and due dates: dates in, dates out."""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator

_MONTH = re.compile(r"(?!0000)[0-9]{4}-(0[1-9]|1[0-2])")


def _valid_period(text: str) -> str:
    if not _MONTH.fullmatch(text):
        raise ValueError(f"{text!r} is not a billing period; write year and month, such as 2026-11")
    return text


Period = Annotated[str, AfterValidator(_valid_period)]
"""A calendar month, `YYYY-MM`."""


def period_of(day: date) -> str:
    return f"{day.year:04d}-{day.month:02d}"


def first_day(period: str) -> date:
    year, month = _valid_period(period).split("-")
    return date(int(year), int(month), 1)


def last_day(period: str) -> date:
    first = first_day(period)
    return first.replace(day=calendar.monthrange(first.year, first.month)[1])


def next_period(period: str) -> str:
    return period_of(last_day(period) + timedelta(days=1))


def due_date(invoice_date: date, net_days: int) -> date:
    """Invoice date plus net days, counted in calendar days."""
    return invoice_date + timedelta(days=net_days)


def day_before(moment: datetime, time_zone: str) -> date:
    """The day before the one that `moment` falls on in a time zone."""
    return (moment.astimezone(ZoneInfo(time_zone)) - timedelta(days=1)).date()
