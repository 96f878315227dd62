"""Revenue close of a period: fixed fees, and submitted unapproved time."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from canonical.engine.books import Books
from canonical.engine.contract_book import ContractBook
from canonical.engine.fixed_fees import bring_again, bring_to
from canonical.engine.posting import accrual_day, open_day, revenue
from canonical.engine.recognition import open_nets
from canonical.errors import RuleViolation
from canonical.ledger.accounts import Account
from canonical.periods import first_day, last_day, next_period, period_of
from canonical.rules.pricing import Work
from canonical.terms.lines import FixedFeeLine
from canonical.terms.policies import ChargeKind, RevenueTiming

ZERO = Decimal(0)


def close_progress(books: Books, book: ContractBook, day: date, on: date) -> None:
    """Bring every fixed-fee line's revenue to where it stands on a day, and keep its row."""
    version = book.terms.at(day)
    for line in version.lines:
        if isinstance(line, FixedFeeLine) and line.revenue is not RevenueTiming.ON_INVOICE:
            bring_to(books, book, line, version, day, on)
            bring_again(books, book, line.line_id, day, on)


def accrue_unapproved(books: Books, book: ContractBook, period: str, on: date) -> None:
    """Month-end accrual of submitted, unapproved time; reversed on day one (by policy). Closed
    again, a period gets the difference alone."""
    version = book.terms.at(last_day(period))
    if not version.accrue_unapproved:
        return
    waiting = {
        key: work
        for key, work in book.submitted.items()
        if key not in book.works and work.work_date <= last_day(period)
    }
    amounts = _waiting_revenue(books, book, waiting, on) if waiting else {}
    before = book.accrued.get(period, {})
    book.accrued[period] = amounts
    for code, currency in sorted({*amounts, *before}):
        group = (code, currency)
        if change := amounts.get(group, ZERO) - before.get(group, ZERO):
            _accrue_and_reverse(books, book, code, currency, change, period, on)


def _waiting_revenue(
    books: Books, book: ContractBook, waiting: dict[str, Work], on: date
) -> dict[tuple[str, str], Decimal]:
    """What submitted time would earn, by legal entity and currency."""
    nets = open_nets(books, book.seen_anew(waiting), on)
    amounts: dict[tuple[str, str], Decimal] = {}
    for key in waiting:
        mine = book.terms.on(waiting[key].work_date)
        line = book.terms.line_for(mine, waiting[key])
        if line is None or waiting[key].kind is not ChargeKind.TIME:
            continue
        group = (book.terms.entity_of(line, mine), mine.invoice_currency or mine.currency)
        amounts[group] = amounts.get(group, ZERO) + nets.get(key, ZERO)
    return amounts


def _accrue_and_reverse(
    books: Books,
    book: ContractBook,
    code: str,
    currency: str,
    amount: Decimal,
    period: str,
    on: date,
) -> None:
    entity = books.entity(code)
    posted_on = accrual_day(books, code, last_day(period), on)
    day_one = open_day(books, code, first_day(next_period(period_of(posted_on))))
    for day, sign, event in (
        (posted_on, 1, f"accrue submitted time {period}"),
        (day_one, -1, f"reverse: accrue submitted time {period}"),
    ):
        change = {Account.SERVICE_REVENUE: sign * amount}
        revenue(books, entity, book.terms.id, currency, day, event, change, period)


def check_open(books: Books, book: ContractBook, period: str) -> None:
    """Raises RuleViolation when a close comes after the lock of its period."""
    entity = book.terms.at(last_day(period)).legal_entity
    if not books.is_open(entity, period):
        raise RuleViolation(f"period {period} of {entity} is locked; close the first open one")
