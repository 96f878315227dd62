"""Percent complete, straight line, loss provision and the three kinds of modification (F05).

Revenue to date is rounded once, on the cumulative figure; a period's figure is the difference.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from canonical.errors import RuleViolation
from canonical.money import round_half_up

ZERO = Decimal(0)
ONE = Decimal(1)


class Report(NamedTuple):
    """Cost (or hours) to date and the estimate at completion, as of a day."""

    as_of: date
    to_date: Decimal
    estimate: Decimal


class Baseline(NamedTuple):
    """What a prospective modification left behind: revenue and progress that stay as they are."""

    revenue: Decimal = ZERO
    to_date: Decimal = ZERO
    on: date = date.min


def percent_complete(price: Decimal, report: Report, baseline: Baseline, step: Decimal) -> Decimal:
    """Revenue to date = price x cost to date / estimate at completion; after a prospective
    modification the remaining price over the remaining work. Raises RuleViolation when the
    estimate leaves no work."""
    work = report.estimate - baseline.to_date
    done = report.to_date - baseline.to_date
    if work <= 0:
        raise RuleViolation(
            f"the estimate at completion of {report.as_of} is {report.estimate}, with "
            f"{baseline.to_date} done before; an estimate covers more than what is done"
        )
    if report.to_date > report.estimate:
        raise RuleViolation(
            f"{report.to_date} to date on {report.as_of} is more than the estimate at completion "
            f"{report.estimate}; raise the estimate"
        )
    return round_half_up(baseline.revenue + (price - baseline.revenue) * done / work, step)


def straight_line(
    price: Decimal, starts: date, ends: date, on: date, baseline: Baseline, step: Decimal
) -> Decimal:
    """Revenue to date = price x days elapsed / days of the term, both ends included."""
    first = max(starts, baseline.on)
    term = (ends - first).days + 1
    elapsed = min(max((on - first).days + 1, 0), term)
    return round_half_up(baseline.revenue + (price - baseline.revenue) * elapsed / term, step)


def loss_provision(
    price: Decimal, report: Report, step: Decimal, exchange: Decimal = ONE
) -> Decimal:
    """(estimate - price) x (1 - progress) when the estimate passes the price; otherwise zero.
    `exchange` is what one unit of their currency is in that of the provision."""
    if report.estimate <= price:
        return ZERO
    remaining = 1 - report.to_date / report.estimate
    return round_half_up((report.estimate - price) * remaining * exchange, step)


def day_before(day: date) -> date:
    return day - timedelta(days=1)
