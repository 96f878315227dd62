"""Deliveries: facts that may come in any order, twice or late; the same ones give the same
state."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal

from canonical.engine.books import Books
from canonical.engine.contract_book import ContractBook
from canonical.engine.payments import take_payment
from canonical.engine.running import day_of
from canonical.engine.story import (
    Acceptance,
    Expense,
    Moment,
    Payment,
    ProgressReport,
    Recall,
    SpotRates,
    Time,
)
from canonical.errors import RuleViolation
from canonical.rules.milestones import check_evidence
from canonical.rules.pricing import Evidence, ExpenseCost, Work
from canonical.rules.progress import Report
from canonical.terms.lines import FixedFeeLine, MilestonesLine
from canonical.terms.policies import ChargeKind

ONE = Decimal(1)


def start_of(moment: Moment) -> datetime:
    if isinstance(moment, datetime):
        return moment
    return datetime.combine(moment, time.min)


def hear_rates(books: Books, rates: SpotRates, moment: Moment) -> None:
    for pair, rate in rates.rates.items():
        one, other = pair.split("/")
        books.spot.setdefault((one, other), {})[day_of(moment)] = rate


def hear_time(books: Books, time_entry: Time, moment: Moment) -> None:
    """An approved entry; heard again with the same content it changes nothing."""
    book = books.contract(time_entry.contract)
    _keep(book, time_work(book, time_entry, moment))
    book.submitted.pop(time_entry.id, None)


def hear_submitted(books: Books, time_entry: Time, moment: Moment) -> None:
    """Submitted, not approved: it counts for the month-end accrual alone."""
    book = books.contract(time_entry.contract)
    book.submitted[time_entry.id] = time_work(book, time_entry, moment)


def time_work(book: ContractBook, entry: Time, moment: Moment) -> Work:
    return Work(
        id=entry.id,
        contract=book.terms.id,
        kind=ChargeKind.TIME,
        work_date=entry.work_date,
        approved_at=start_of(entry.approved_at or moment),
        quantity=entry.hours,
        person=entry.person,
        role=entry.role,
        task=entry.task,
        line=entry.line,
        entity=entry.entity,
        billable=entry.billable,
        in_caps=not entry.outside_caps,
        description=entry.description,
    )


def hear_expense(books: Books, expense: Expense, moment: Moment) -> None:
    book = books.contract(expense.contract)
    version = book.terms.on(expense.expense_date)
    currency = expense.currency or version.currency
    cost = ExpenseCost(
        category=expense.category,
        net=expense.net,
        vat=expense.vat,
        recoverable_vat=expense.recoverable_vat,
        currency=currency,
        units=expense.units,
        disbursement=expense.disbursement,
        rate=books.cross(currency, version.currency, expense.expense_date),
    )
    work = Work(
        id=expense.id,
        contract=book.terms.id,
        kind=ChargeKind.EXPENSE,
        work_date=expense.expense_date,
        approved_at=start_of(expense.approved_at or moment),
        quantity=ONE,
        person=expense.person,
        line=expense.line,
        entity=expense.entity,
        billable=expense.billable,
        in_caps=not expense.outside_caps,
        description=expense.description,
        expense=cost,
    )
    _keep(book, work)


def _keep(book: ContractBook, work: Work) -> None:
    known = book.works.get(work.id)
    if known is not None and known._replace(approved_at=work.approved_at) == work:
        return  # a repetition; the first approval stands
    progress = book.progress.get(work.id)
    if known is not None and progress is not None and progress.taken:
        raise RuleViolation(
            f"entry {work.id} of contract {book.terms.id} was changed after it was billed; recall "
            "it, credit it, and send it under a new id"
        )
    if known is None and progress is not None and progress.recall_pending:
        raise RuleViolation(f"entry {work.id} was recalled and is not credited yet")
    book.terms.on(work.work_date)  # refuses work before the contract begins
    book.approve([work])


def hear_recall(books: Books, recall: Recall, _moment: Moment) -> None:
    """Unbilled work disappears; billed work stays until it is credited (a credit is proposed)."""
    for entry in recall.entries:
        book = _holder(books, entry, recall.contract)
        progress = book.progress_of(entry)
        if any(taken.quantity for taken in progress.taken.values()) or progress.covered:
            progress.recall_pending = True
            book.flag(entry, RECALLED)
        else:
            book.drop(entry)


RECALLED = "it was recalled"


def _holder(books: Books, entry: str, contract: str) -> ContractBook:
    for book in books.contracts.values():
        if entry in book.works and contract in ("", book.terms.id):
            return book
    return books.contract(contract or next(iter(books.contracts)))


def hear_acceptance(books: Books, acceptance: Acceptance, moment: Moment) -> None:
    book = books.contract(acceptance.contract)
    evidence = Evidence(
        acceptance.milestone,
        acceptance.accepted_by,
        acceptance.accepted_on or day_of(moment),
        acceptance.document_hash,
    )
    lines = [
        line
        for line in book.terms.at(evidence.accepted_on).lines
        if isinstance(line, MilestonesLine)
    ]
    for line in lines:
        if evidence.milestone in {each.milestone_id for each in line.milestones}:
            check_evidence(line, evidence)
            book.acceptances.setdefault(evidence.milestone, evidence)
            return
    raise RuleViolation(f"contract {book.terms.id} has no milestone {evidence.milestone!r}")


def hear_progress(books: Books, report: ProgressReport, moment: Moment) -> None:
    """The later report of one day stands."""
    book = books.contract(report.contract)
    as_of = report.as_of or day_of(moment)
    line_id = report.line or _only_fixed_fee(book, as_of)
    found = Report(as_of, report.to_date, report.estimate)
    book.fee_line(line_id).reports[as_of] = found


def _only_fixed_fee(book: ContractBook, day: date) -> str:
    lines = [line for line in book.terms.at(day).lines if isinstance(line, FixedFeeLine)]
    if len(lines) != 1:
        raise RuleViolation(
            f"contract {book.terms.id} has {len(lines)} fixed-fee lines; name the `line` of the "
            "progress report"
        )
    return lines[0].line_id


def hear_payment(books: Books, payment: Payment, moment: Moment) -> None:
    take_payment(books, payment, day_of(moment))
