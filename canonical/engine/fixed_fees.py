"""Revenue of fixed fees: brought to where progress, time or a modification puts it, day by day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from canonical.contract import ContractVersion
from canonical.engine.books import Books, ContractBook, FeeLine
from canonical.engine.net_prices import fee_price, net_factor
from canonical.engine.posting import accrual_day, post, revenue
from canonical.engine.rows import Recognised, TransactionKind
from canonical.ledger.accounts import Account
from canonical.ledger.journal import JournalLine
from canonical.money import minor_unit, round_half_up
from canonical.periods import period_of
from canonical.rules.progress import Baseline, Report, loss_provision, percent_complete
from canonical.rules.progress import straight_line as elapsed_share
from canonical.terms.lines import FixedFeeLine, Progress
from canonical.terms.policies import RevenueTiming

ZERO = Decimal(0)


def bring_to(
    books: Books,
    book: ContractBook,
    line: FixedFeeLine,
    version: ContractVersion,
    day: date,
    on: date,
    *,
    is_close: bool = True,
) -> Decimal | None:
    """Post the difference between revenue to a day and what was posted up to it; returns the
    revenue to date, or None while nothing was reported. A close keeps its row of the schedule even
    where nothing changed."""
    state = book.fee_line(line.line_id)
    report = state.report_on(day)
    todate = _revenue_to(books, line, version, state, report, day)
    if todate is None:
        return None
    change = todate - _up_to(state.earned, day)
    _earn(books, book, line, version, change, day, on)
    _provide(books, book, line, version, report, day, on)
    if change or is_close:
        _keep_row(books, book, line, version, report, day, todate, change)
    return todate


def bring_again(books: Books, book: ContractBook, line_id: str, after: date, on: date) -> None:
    """Days that were looked at before one that came later: what that one posted is theirs no
    more."""
    state = book.fee_line(line_id)
    for day in sorted(each for each in state.earned if each > after):
        version = book.terms.at(day)
        line = next((each for each in version.lines if each.line_id == line_id), None)
        if not isinstance(line, FixedFeeLine):
            continue
        report = state.report_on(day)
        todate = _revenue_to(books, line, version, state, report, day)
        if todate is None:
            continue
        change = todate - _up_to(state.earned, day)
        _earn(books, book, line, version, change, day, on)
        _provide(books, book, line, version, report, day, on)
        _mend_row(books, book, line_id, day, todate, change)


def _up_to(sums: dict[date, Decimal], day: date) -> Decimal:
    return sum((amount for each, amount in sums.items() if each <= day), ZERO)


def _revenue_to(
    books: Books,
    line: FixedFeeLine,
    version: ContractVersion,
    state: FeeLine,
    report: Report | None,
    day: date,
) -> Decimal | None:
    step = minor_unit(version.invoice_currency or version.currency)
    baseline, price = state.baseline_on(day), fee_price(books, line, version, day)
    if line.revenue is RevenueTiming.STRAIGHT_LINE:
        if line.starts is None or line.ends is None:
            raise AssertionError(f"line {line.line_id} has no term")
        return elapsed_share(price, line.starts, line.ends, day, baseline, step)
    if report is None:
        return None
    return percent_complete(price, report, baseline, step)


def _earn(
    books: Books,
    book: ContractBook,
    line: FixedFeeLine,
    version: ContractVersion,
    change: Decimal,
    day: date,
    on: date,
) -> None:
    earned = book.fee_line(line.line_id).earned
    earned[day] = earned.get(day, ZERO) + change
    if not change:
        return
    entity = books.entity(book.terms.entity_of(line, version))
    currency = version.invoice_currency or version.currency
    posted_on = accrual_day(books, entity.code, day, on)
    event, amounts = f"revenue of {line.line_id} to {day}", {Account.SERVICE_REVENUE: change}
    revenue(books, entity, book.terms.id, currency, posted_on, event, amounts, f"{day:%Y-%m}")


def _provide(
    books: Books,
    book: ContractBook,
    line: FixedFeeLine,
    version: ContractVersion,
    report: Report | None,
    day: date,
    on: date,
) -> None:
    """Re-measure the loss provision: Dr 5900 Cr 2500, or back."""
    if report is None or line.revenue is not RevenueTiming.PERCENT_COMPLETE:
        return
    if line.progress is not Progress.COST_TO_COST:
        return
    entity = books.entity(book.terms.entity_of(line, version))
    currency = version.invoice_currency or version.currency
    provided = book.fee_line(line.line_id).provided
    change = _provision(books, line, version, report, day) - _up_to(provided, day)
    provided[day] = provided.get(day, ZERO) + change
    posted_on = accrual_day(books, entity.code, day, on)
    rate = books.rate(currency, entity, posted_on)
    value = round_half_up(change * rate, minor_unit(entity.currency))
    lines = [
        JournalLine(Account.CONTRACT_LOSSES, value, change, book.terms.id),
        JournalLine(Account.LOSS_PROVISION, -value, -change, book.terms.id),
    ]
    event = f"loss provision of {line.line_id}"
    post(books, entity, posted_on, event, lines, currency=currency)


def _provision(
    books: Books, line: FixedFeeLine, version: ContractVersion, report: Report, day: date
) -> Decimal:
    """Costs are estimated in the contract's currency, and compared with the price without tax."""
    exchange, untaxed = net_factor(books, line, version, day)
    step = minor_unit(version.invoice_currency or version.currency)
    return loss_provision(line.price / untaxed, report, step, exchange)


def keep_baseline(book: ContractBook, line_id: str, todate: Decimal, on: date, until: date) -> None:
    """What a prospective modification leaves behind: revenue and progress up to it."""
    state = book.fee_line(line_id)
    report = state.report_on(until)
    state.baselines.append(Baseline(todate, report.to_date if report else ZERO, on))


def _keep_row(
    books: Books,
    book: ContractBook,
    line: FixedFeeLine,
    version: ContractVersion,
    report: Report | None,
    day: date,
    todate: Decimal,
    change: Decimal,
) -> None:
    entity = books.entity(book.terms.entity_of(line, version))
    currency = version.invoice_currency or version.currency
    net = books.position(entity, book.terms.id, currency).net_at(period_of(day))
    books.schedule.append(
        Recognised(
            contract=book.terms.id,
            line_id=line.line_id,
            on=day,
            to_date=report.to_date if report else ZERO,
            estimate=report.estimate if report else ZERO,
            revenue_to_date=todate,
            revenue_in_period=change,
            billed_to_date=_billed(books, book, line.line_id, day),
            contract_asset=max(net, ZERO),
            contract_liability=max(-net, ZERO),
            loss_provision=_up_to(book.fee_line(line.line_id).provided, day),
        )
    )


def _billed(books: Books, book: ContractBook, line_id: str, day: date) -> Decimal:
    rows = (
        row.net
        for row in books.transactions.values()
        if (row.contract, row.line_id) == (book.terms.id, line_id)
        and row.kind is TransactionKind.SCHEDULE
        and (document := books.documents[row.document]).posted
        and document.on <= day
    )
    return sum(rows, ZERO)


def _mend_row(
    books: Books, book: ContractBook, line_id: str, day: date, todate: Decimal, change: Decimal
) -> None:
    """The last row of a day whose figure a look at an earlier one changed."""
    for number in reversed(range(len(books.schedule))):
        row = books.schedule[number]
        if (row.contract, row.line_id, row.on) == (book.terms.id, line_id, day):
            books.schedule[number] = row._replace(
                revenue_to_date=todate,
                revenue_in_period=row.revenue_in_period + change,
                loss_provision=_up_to(book.fee_line(line_id).provided, day),
            )
            return
