"""Retainer: fees in advance, hours consumed oldest first, rollover, expiry, breakage, overage
(F03)."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from canonical.contract import ContractVersion
from canonical.money import round_half_up
from canonical.periods import period_of
from canonical.rules.pricing import Fee, LineFacts, Price, Tariff, Work
from canonical.terms.lines import RetainerLine, RetainerPeriod, UnusedAtClose

METHOD = "retainer"
ZERO = Decimal(0)
_MONTHS = {
    RetainerPeriod.MONTH: 1,
    RetainerPeriod.QUARTER: 3,
    RetainerPeriod.HALF_YEAR: 6,
    RetainerPeriod.YEAR: 12,
}
PERIODS_MAX = 1_200


class Term(NamedTuple):
    """One period of a retainer."""

    name: str
    first: date
    last: date


def terms(line: RetainerLine, through: date) -> list[Term]:
    """The periods that have begun by a day. Each begins on the start's day of the month, or on the
    month's last day where it is shorter."""
    found: list[Term] = []
    months = _MONTHS[line.period]
    last_day = min(through, line.ends) if line.ends else through
    for number in range(PERIODS_MAX):
        first = _months_later(line.starts, months * number)
        if first > last_day:
            break
        last = _months_later(line.starts, months * (number + 1)) - timedelta(days=1)
        found.append(Term(_name(line.period, first), first, last))
    return found


def _months_later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _name(period: RetainerPeriod, first: date) -> str:
    if period is RetainerPeriod.YEAR:
        return f"{first:%Y}"
    if period is RetainerPeriod.HALF_YEAR:
        return f"{first:%Y}-H{(first.month - 1) // 6 + 1}"
    if period is RetainerPeriod.QUARTER:
        return f"{first:%Y}-Q{(first.month - 1) // 3 + 1}"
    return f"{first:%Y-%m}"


def prices(line: RetainerLine, version: ContractVersion, works: Sequence[Work]) -> list[Price]:
    """Overage at its own rate, in arrears: the quantity of each work here is what no allowance
    covered."""
    months = {period_of(work.work_date) for work in works}
    tariffs = {
        month: Tariff(line.overage_rate, "overage", (), f"overage {month}") for month in months
    }
    return [
        Price(work, 1, work.quantity, tariffs[period_of(work.work_date)])
        for work in works
        if work.quantity
    ]


def fees(line: RetainerLine, facts: LineFacts) -> list[Fee]:
    """One fee per period, due on its first day; none begins once the contract is closed."""
    through = min(facts.through, facts.closed_on) if facts.closed_on else facts.through
    return [
        Fee(term.name, term.first, line.fee, f"retainer {term.name}")
        for term in terms(line, through)
    ]


@dataclass(slots=True)
class Pool:
    """The hours of one period, and what of them is left."""

    term: str
    number: int
    hours: Decimal
    value: Decimal
    """What the period's fee is worth, net of tax, in the currency of the position."""
    left: Decimal
    recognised: Decimal = ZERO

    def take(self, hours: Decimal, step: Decimal) -> Decimal:
        """Use or forfeit hours; returns their revenue, rounded on the cumulative figure."""
        self.left -= hours
        todate = round_half_up(self.value * (self.hours - self.left) / self.hours, step)
        revenue, self.recognised = todate - self.recognised, todate
        return revenue


class Use(NamedTuple):
    """What became of one entry's hours."""

    work: Work
    covered: Decimal
    overage: Decimal
    revenue: Decimal
    """Of the covered hours."""
    on: date
    """The work date; for a deficit the day on which the next period covers it."""


class TermRow(NamedTuple):
    """One row of the retainer's ledger; hours."""

    term: str
    last: date
    opening_rolled: Decimal
    included: Decimal
    used: Decimal
    used_from_rolled: Decimal
    used_from_included: Decimal
    overage: Decimal
    deficit: Decimal
    """Used hours that the next period gives: opening + included - used from both - forfeited is the
    closing, whatever the deficit."""
    forfeited: Decimal
    closing_rolled: Decimal
    breakage: Decimal
    """Revenue of the forfeited hours."""


class Grant(NamedTuple):
    """One period with the terms in force on its first day."""

    term: Term
    line: RetainerLine
    value: Decimal
    """The fee, net of tax, in the currency of the position."""


@dataclass(slots=True)
class _Running:
    """The row of the period in progress."""

    opening_rolled: Decimal = ZERO
    used: Decimal = ZERO
    used_from_rolled: Decimal = ZERO
    used_from_included: Decimal = ZERO
    overage: Decimal = ZERO


@dataclass(slots=True)
class Allowance:
    """The hours of a retainer as consumed so far; what a settlement consumed stays consumed."""

    line: RetainerLine
    """Of the period that was opened last."""
    step: Decimal
    pools: list[Pool] = field(default_factory=list)
    granted: list[str] = field(default_factory=list)
    """Periods whose hours were granted."""
    closed: int = 0
    """Periods whose unused hours were rolled or forfeited."""
    deficits: list[tuple[Work, Decimal]] = field(default_factory=list)
    running: _Running = field(default_factory=_Running)
    rows: list[TermRow] = field(default_factory=list)

    def settle(
        self, works: Sequence[Work], grants: Sequence[Grant], through: date, over_before: date
    ) -> list[Use]:
        """Consume works (in the order of consumption) with dates up to `through`; periods that
        ended before `over_before` roll over. `grants` are all that have begun."""
        uses: list[Use] = []
        waiting = [work for work in works if work.work_date <= through]
        for number, grant in enumerate(grants):
            if number < self.closed:
                continue
            if number >= self.opened:
                uses += self._open(grant)
            mine = [work for work in waiting if work.work_date <= grant.term.last]
            waiting = waiting[len(mine) :]
            uses += [self._use(work) for work in mine]
            if grant.term.last < over_before:
                self._close(grant)
        return uses + [self._use(work) for work in waiting]

    @property
    def opened(self) -> int:
        return len(self.granted)

    def _open(self, grant: Grant) -> list[Use]:
        term, self.line = grant.term, grant.line
        hours = self.line.included_hours
        self.running = _Running(opening_rolled=self.rolled)
        self.pools.append(Pool(term.name, self.opened, hours, grant.value, hours))
        self.granted.append(term.name)
        deficits, self.deficits = self.deficits, []
        return [
            self._consume(work, hours_due, max(term.first, work.work_date))
            for work, hours_due in deficits
        ]

    @property
    def rolled(self) -> Decimal:
        """Hours left over from earlier periods."""
        return sum((pool.left for pool in self.pools), ZERO)

    def _use(self, work: Work) -> Use:
        self.running.used += work.quantity
        return self._consume(work, work.quantity, work.work_date)

    def _consume(self, work: Work, hours: Decimal, on: date) -> Use:
        revenue, rest = ZERO, hours
        for pool in self.pools:
            taken = min(pool.left, rest)
            if taken:
                revenue += pool.take(taken, self.step)
                rest -= taken
                if pool.number < self.opened - 1:
                    self.running.used_from_rolled += taken
                else:
                    self.running.used_from_included += taken
        if rest and self.line.deficit_rolls:
            self.deficits.append((work, rest))
            return Use(work, hours - rest, ZERO, revenue, on)
        self.running.overage += rest
        return Use(work, hours - rest, rest, revenue, on)

    def _close(self, grant: Grant) -> None:
        """Roll over what may be, forfeit the rest: the oldest hours keep their place."""
        room = grant.line.rollover.max_hours
        lives = grant.line.rollover.expires_after_periods
        forfeited, breakage = ZERO, ZERO
        for pool in self.pools:
            expired = self.closed - pool.number >= lives
            kept = ZERO if expired else min(pool.left, room)
            room -= kept
            forfeited += pool.left - kept
            breakage += pool.take(pool.left - kept, self.step)
        self.pools = [pool for pool in self.pools if pool.left]
        self.closed += 1
        self._write_row(grant, forfeited, breakage)

    def _write_row(self, grant: Grant, forfeited: Decimal, breakage: Decimal) -> None:
        row, term = self.running, grant.term
        self.rows.append(
            TermRow(
                term=term.name,
                last=term.last,
                opening_rolled=row.opening_rolled,
                included=grant.line.included_hours,
                used=row.used,
                used_from_rolled=row.used_from_rolled,
                used_from_included=row.used_from_included,
                overage=row.overage,
                deficit=sum((hours for _work, hours in self.deficits), ZERO),
                forfeited=forfeited,
                closing_rolled=self.rolled,
                breakage=breakage,
            )
        )

    def close_contract(self) -> tuple[Decimal, list[Use]]:
        """The value of what is left, refunded or forfeited; deficits become overage."""
        left = sum((pool.value - pool.recognised for pool in self.pools), ZERO)
        for pool in self.pools:
            pool.take(pool.left, self.step)
        self.pools, deficits, self.deficits = [], self.deficits, []
        return left, [Use(work, ZERO, hours, ZERO, work.work_date) for work, hours in deficits]

    @property
    def refunds(self) -> bool:
        return self.line.unused_at_close is UnusedAtClose.REFUND
