"""Posting: journals into the first open period, balanced before they are kept."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from canonical.engine.books import Books
from canonical.engine.contract_book import ContractBook
from canonical.landscape import Owner
from canonical.ledger.accounts import Account
from canonical.ledger.entity import EntityTerms
from canonical.ledger.journal import Journal, JournalLine, check_balance, merged
from canonical.ledger.position import Moved, Movement
from canonical.money import minor_unit, round_half_up
from canonical.periods import first_day, last_day, next_period, period_of

ZERO = Decimal(0)


def open_day(books: Books, entity: str, day: date) -> date:
    """The day itself, or the first day of the first open period after it."""
    period = first_open(books, entity, period_of(day))
    return day if period == period_of(day) else first_day(period)


def accrual_day(books: Books, entity: str, work_date: date, decided_on: date) -> date:
    """In the period of the work date while that is open, else in the first open one
    (convention 10); as near to the decision as the period allows."""
    period = first_open(books, entity, period_of(work_date))
    return min(max(decided_on, first_day(period)), last_day(period))


def counting_from(book: ContractBook, approved_on: date, on: date) -> date:
    """The day of an approval, unless it was looked at a later day already without knowing it."""
    return approved_on if approved_on >= book.looked_on else on


def first_open(books: Books, entity: str, period: str) -> str:
    locked = books.locked.get(entity, "")
    return period if period > locked else next_period(locked)


def post(
    books: Books,
    entity: EntityTerms,
    on: date,
    event: str,
    lines: Iterable[JournalLine],
    *,
    currency: str = "",
    service_period: str = "",
    reverses: int = 0,
    owner: Owner = Owner.ENGINE,
    document: str = "",
) -> Journal | None:
    """Keep one journal; nothing when no line has an amount. `on` is in an open period already."""
    kept = merged(lines)
    if not kept:
        return None
    journal = Journal(
        number=len(books.journals) + 1,
        on=on,
        period=period_of(on),
        entity=entity.code,
        currency=entity.currency,
        document_currency=currency or entity.currency,
        event=event,
        lines=kept,
        service_period=service_period,
        reverses=reverses,
        owner=owner,
        document=document,
    )
    check_balance(journal)
    books.journals.append(journal)
    return journal


def translated(amount: Decimal, rate: Decimal, entity: EntityTerms) -> Decimal:
    """A ledger amount, rounded once (convention 2)."""
    return round_half_up(amount * rate, minor_unit(entity.currency))


def position_lines(movements: Iterable[Movement], contract: str) -> list[JournalLine]:
    return [JournalLine(each.account, each.carried, each.document, contract) for each in movements]


def carried(moved: Moved) -> Decimal:
    return sum((each.carried for each in moved.own), ZERO)


def reclassify(
    books: Books, entity: EntityTerms, contract: str, currency: str, moved: Moved
) -> None:
    """Keep later periods on one side, after a posting into an earlier one."""
    for period in sorted({each.period for each in moved.later}):
        lines = position_lines((each for each in moved.later if each.period == period), contract)
        day = first_day(period)
        post(books, entity, day, f"net position of {contract}", lines, currency=currency)


def rounding_or_fx(lines: list[JournalLine], contract: str, *, is_realised: bool) -> JournalLine:
    """The difference that does not tie: realised FX where something was cleared at another rate
    than today's, otherwise the cent of translation (7200)."""
    difference = -sum((line.amount for line in lines), ZERO)
    account = Account.REALISED_FX if is_realised else Account.ROUNDING
    return JournalLine(account, difference, ZERO, contract)


def revenue(
    books: Books,
    entity: EntityTerms,
    contract: str,
    currency: str,
    on: date,
    event: str,
    amounts: dict[Account, Decimal],
    service_period: str = "",
) -> None:
    """Post revenue (more than zero) or its fall against the contract's position.

    Revenue that clears an advance keeps the advance's rate; the rest is translated at the day's.
    """
    change = sum(amounts.values(), ZERO)
    rate = books.rate(currency, entity, on)
    position = books.position(entity, contract, currency)
    moved = position.post(change, period_of(on), rate)
    lines = position_lines(moved.own, contract)
    lines += _shared_out(amounts, carried(moved), change, rate, entity, contract)
    owner = entity.revenue_owner
    post(
        books,
        entity,
        on,
        event,
        lines,
        currency=currency,
        service_period=service_period,
        owner=owner,
    )
    reclassify(books, entity, contract, currency, moved)


def _shared_out(
    amounts: dict[Account, Decimal],
    whole: Decimal,
    change: Decimal,
    rate: Decimal,
    entity: EntityTerms,
    contract: str,
) -> list[JournalLine]:
    """The credit side: each account translated, the last one what is left of the whole."""
    lines: list[JournalLine] = []
    left = whole
    accounts = [account for account in amounts if amounts[account]]
    for account in accounts:
        last = account == accounts[-1]
        share = whole * amounts[account] / change if change else amounts[account] * rate
        value = left if last else round_half_up(share, minor_unit(entity.currency))
        left -= value
        lines.append(JournalLine(account, -value, -amounts[account], contract))
    return lines
