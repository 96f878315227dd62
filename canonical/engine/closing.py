"""Revenue close of a period: progress, elapsed time, loss provisions, submitted unapproved time."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from canonical.contract import ContractVersion
from canonical.engine.books import Books, ContractBook, FeeLine
from canonical.engine.posting import accrual_day, open_day, post, revenue, translated
from canonical.engine.recognition import open_nets
from canonical.engine.rows import Recognised, TransactionKind
from canonical.errors import RuleViolation
from canonical.ledger.accounts import Account
from canonical.ledger.journal import JournalLine
from canonical.money import minor_unit
from canonical.periods import first_day, last_day, next_period, period_of
from canonical.rules.progress import Report, loss_provision, percent_complete, straight_line
from canonical.terms.lines import FixedFeeLine
from canonical.terms.policies import ChargeKind, RevenueTiming

ZERO = Decimal(0)


def close_progress(books: Books, book: ContractBook, day: date, on: date) -> None:
    """Bring every fixed-fee line's revenue to where it stands on a day, and keep its row."""
    version = book.terms.at(day)
    for line in version.lines:
        if isinstance(line, FixedFeeLine) and line.revenue is not RevenueTiming.ON_INVOICE:
            bring_to(books, book, line, version, day, on)


def bring_to(
    books: Books,
    book: ContractBook,
    line: FixedFeeLine,
    version: ContractVersion,
    day: date,
    on: date,
) -> None:
    """Post the difference between revenue to date and what was posted; prior periods stay."""
    state = book.fee_line(line.line_id)
    currency = version.invoice_currency or version.currency
    report = state.report_on(day)
    todate = revenue_to_date(line, state, report, day, minor_unit(currency))
    if todate is None:
        return
    entity = books.entity(book.terms.entity_of(line, version))
    posted_on = accrual_day(books, entity.code, day, on)
    change, state.revenue = todate - state.revenue, todate
    if change:
        event = f"revenue of {line.line_id} to {day}"
        amounts = {Account.SERVICE_REVENUE: change}
        revenue(books, entity, book.terms.id, currency, posted_on, event, amounts, f"{day:%Y-%m}")
    _provide(books, book, line, version, state, report, posted_on)
    _keep_row(books, book, line, version, state, report, day, change)


def revenue_to_date(
    line: FixedFeeLine, state: FeeLine, report: Report | None, day: date, step: Decimal
) -> Decimal | None:
    """None while nothing was reported."""
    if line.revenue is RevenueTiming.STRAIGHT_LINE:
        if line.starts is None or line.ends is None:
            raise AssertionError(f"line {line.line_id} has no term")
        return straight_line(line.price, line.starts, line.ends, day, state.baseline, step)
    if report is None:
        return None
    return percent_complete(line.price, report, state.baseline, step)


def _provide(
    books: Books,
    book: ContractBook,
    line: FixedFeeLine,
    version: ContractVersion,
    state: FeeLine,
    report: Report | None,
    on: date,
) -> None:
    """Re-measure the loss provision: Dr 5900 Cr 2500, or back."""
    if report is None or line.revenue is not RevenueTiming.PERCENT_COMPLETE:
        return
    if line.progress.value != "cost_to_cost":
        return
    currency = version.invoice_currency or version.currency
    target = loss_provision(line.price, report, minor_unit(currency))
    change, state.provision = target - state.provision, target
    entity = books.entity(book.terms.entity_of(line, version))
    value = translated(change, books.rate(currency, entity, on), entity)
    lines = [
        JournalLine(Account.CONTRACT_LOSSES, value, change, book.terms.id),
        JournalLine(Account.LOSS_PROVISION, -value, -change, book.terms.id),
    ]
    post(books, entity, on, f"loss provision of {line.line_id}", lines, currency=currency)


def _keep_row(
    books: Books,
    book: ContractBook,
    line: FixedFeeLine,
    version: ContractVersion,
    state: FeeLine,
    report: Report | None,
    day: date,
    change: Decimal,
) -> None:
    entity = books.entity(book.terms.entity_of(line, version))
    currency = version.invoice_currency or version.currency
    net = books.position(entity, book.terms.id, currency).net
    billed = [
        row.net
        for row in books.transactions.values()
        if row.contract == book.terms.id
        and row.line_id == line.line_id
        and row.kind is TransactionKind.SCHEDULE
        and books.documents[row.document].posted
    ]
    books.schedule.append(
        Recognised(
            contract=book.terms.id,
            line_id=line.line_id,
            on=day,
            to_date=report.to_date if report else ZERO,
            estimate=report.estimate if report else ZERO,
            revenue_to_date=state.revenue,
            revenue_in_period=change,
            billed_to_date=sum(billed, ZERO),
            contract_asset=max(net, ZERO),
            contract_liability=max(-net, ZERO),
            loss_provision=state.provision,
        )
    )


def accrue_unapproved(books: Books, book: ContractBook, period: str, on: date) -> None:
    """Month-end accrual of submitted, unapproved time; reversed on day one (by policy)."""
    version = book.terms.at(last_day(period))
    if not version.accrue_unapproved:
        return
    waiting = {
        key: work
        for key, work in book.submitted.items()
        if key not in book.works and work.work_date <= last_day(period)
    }
    if not waiting:
        return
    shadow = replace(book, works={**book.works, **waiting})
    nets = open_nets(books, shadow, on)
    amounts: dict[tuple[str, str], Decimal] = {}
    for key in waiting:
        mine = book.terms.on(waiting[key].work_date)
        line = book.terms.line_for(mine, waiting[key])
        if line is None or waiting[key].kind is not ChargeKind.TIME:
            continue
        group = (book.terms.entity_of(line, mine), mine.invoice_currency or mine.currency)
        amounts[group] = amounts.get(group, ZERO) + nets.get(key, ZERO)
    for (code, currency), amount in amounts.items():
        _accrue_and_reverse(books, book, code, currency, amount, period, on)


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
