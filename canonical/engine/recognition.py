"""Recognition: revenue that follows approval, acceptance and use, brought to what it should be.

Each entry has a target (billed, plus what may be billed, plus what was written down after it was
earned) and what was posted; the difference is posted. So deliveries between two decisions may come
in any order: only their sum is ever seen.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from canonical.contract import ContractLine
from canonical.engine.books import Books, ContractBook, Progress
from canonical.engine.charging import look
from canonical.engine.counting import count_billed
from canonical.engine.documents import Heading, draw_up
from canonical.engine.drafting import by_document, drafts_of
from canonical.engine.looks import Look
from canonical.engine.posting import accrual_day, counting_from, open_day, revenue
from canonical.engine.rows import Charge
from canonical.ledger.accounts import Account
from canonical.periods import period_of
from canonical.rules.pricing import Work
from canonical.terms.lines import FixedFeeLine, MilestonesLine
from canonical.terms.policies import ChargeKind, RevenueTiming

ZERO = Decimal(0)
Dating = Callable[[str], date | None]
"""The day on which an entry's change takes effect; None: by its work date."""


class Target(NamedTuple):
    """What an entry's revenue should be."""

    entity: str
    account: Account
    work_date: date
    approved_on: date
    currency: str
    amount: Decimal


def by_work_date(_entry: str) -> None:
    """The usual dating: the period of the work date while it is open (convention 10)."""


def recognise(books: Books, book: ContractBook, on: date, dating: Dating = by_work_date) -> None:
    """Post what is missing or too much of a contract's revenue."""
    targets = _targets(books, book, on)
    posted: dict[tuple[str, date, str, str], dict[Account, Decimal]] = {}
    for key in sorted(targets):
        progress, target = book.progress_of(key), targets[key]
        change = target.amount - progress.recognised
        if not change or _is_under_review(book, key):
            continue
        dated = dating(key) or _accrued_on(books, book, target, progress, on)
        day = open_day(books, target.entity, dated)
        progress.recognise(change, period_of(day))
        group = (target.entity, day, target.currency, period_of(target.work_date))
        sums = posted.setdefault(group, {})
        sums[target.account] = sums.get(target.account, ZERO) + change
    for (code, day, currency, service), amounts in sorted(posted.items()):
        entity, event = books.entity(code), f"revenue of approved work, {service}"
        revenue(books, entity, book.terms.id, currency, day, event, amounts, service)


def _is_under_review(book: ContractBook, key: str) -> bool:
    return book.flagged.get(key) in (UNDER_REVIEW, WAITING)


UNDER_REVIEW = "its amendment is under review"
WAITING = "its write-down or write-up waits for approval"
"""Held for these reasons, work stays earned as it was."""


def _accrued_on(
    books: Books, book: ContractBook, target: Target, progress: Progress, on: date
) -> date:
    """New work counts from its approval, what changes or comes late from the day of the look."""
    new = not progress.recognised_in
    counts_from = counting_from(book, target.approved_on, on) if new else on
    day = accrual_day(books, target.entity, target.work_date, counts_from)
    entity = books.entity(target.entity)
    if books.known_rate(target.currency, entity.currency, day) is None:
        return accrual_day(books, target.entity, target.work_date, on)
    return day


def _targets(books: Books, book: ContractBook, on: date) -> dict[str, Target]:
    """By entry and by accepted milestone: only lines whose revenue does not follow the invoice."""
    nets = open_nets(books, book, on)
    found: dict[str, Target] = {}
    for key in {*nets, *book.progress}:
        subject = _subject(book, key, on)
        if subject is None:
            continue
        line, work_date, approved_on, account = subject
        version = book.terms.on(work_date)
        progress = book.progress.get(key, Progress())
        amount = progress.billed_net + nets.get(key, ZERO) + progress.written_down_value
        found[key] = Target(
            book.terms.entity_of(line, version),
            account,
            work_date,
            approved_on,
            version.invoice_currency or version.currency,
            amount,
        )
    return found


Subject = tuple[ContractLine, date, date, Account]
"""The line, work date, day of approval and revenue account of an entry or milestone."""


def _subject(book: ContractBook, key: str, on: date) -> Subject | None:
    """None for what is not recognised here."""
    work = book.works.get(key) or book.recalled.get(key)
    if work is None:
        return _milestone(book, key, on)
    line = book.terms.line_for(book.terms.on(work.work_date), work)
    if line is None or isinstance(line, FixedFeeLine):
        return None
    if line.revenue is RevenueTiming.ON_INVOICE or _is_disbursement(work):
        return None
    is_time = work.kind is ChargeKind.TIME
    account = Account.SERVICE_REVENUE if is_time else Account.EXPENSE_REVENUE
    return line, work.work_date, work.approved_at.date(), account


def _milestone(book: ContractBook, key: str, on: date) -> Subject | None:
    line_id, _, milestone = key.partition("/")
    evidence = book.acceptances.get(milestone)
    if evidence is None:
        return None
    line = book.terms.line(line_id, on)
    if not isinstance(line, MilestonesLine) or line.revenue is RevenueTiming.ON_INVOICE:
        return None
    return line, evidence.accepted_on, evidence.accepted_on, Account.SERVICE_REVENUE


def _is_disbursement(work: Work) -> bool:
    return work.expense is not None and work.expense.disbursement


def open_nets(books: Books, book: ContractBook, on: date) -> dict[str, Decimal]:
    """What each entry would bill now, net: after caps, discounts, and tax held in the price."""
    found = survey(books, book, on)
    nets: dict[str, Decimal] = {}
    versions = book.terms.versions
    if not any(each.labour_discount_percent or each.tax_inclusive for each in versions):
        for _book, charge in found.charges:
            key = charge.price.work.id
            nets[key] = nets.get(key, ZERO) + charge.amount
        return nets
    return _net_of_documents(books, book, found.charges, on)


def _net_of_documents(
    books: Books, book: ContractBook, charges: list[tuple[ContractBook, Charge]], on: date
) -> dict[str, Decimal]:
    nets: dict[str, Decimal] = {}
    for key, group in by_document(charges).items():
        drafts = drafts_of(group, "")
        entity, version = books.entity(key.entity), book.terms.at(on)
        heading = Heading("", entity, key.customer, version, on, on)
        for row in draw_up(heading, drafts)[1]:
            if row.credit_to is not Account.RETENTION:
                nets[row.source] = nets.get(row.source, ZERO) + row.net
    return nets


def survey(books: Books, book: ContractBook, on: date, *, whole: bool = False) -> Look:
    """A look at everything approved of a contract, on a day; nothing is stored.

    Contracts that share a limit are looked at together (`whole` keeps all of their findings).
    """
    sharing = [book]
    if book.terms.is_shared():
        sharing = [each for each in books.contracts.values() if each.terms.is_shared()]
    count_billed(books, on)
    found = look(
        sharing,
        partial(is_ours, books),
        on,
        on,
        books.consumed,
        lambda currency, into: books.cross(currency, into, on),
    )
    if not whole:
        found.charges = [each for each in found.charges if each[0] is book]
        found.held = [each for each in found.held if each[0] is book]
    return found


def is_ours(books: Books, work: Work) -> bool:
    """Whether a work is ours to bill: it may have been billed elsewhere before the go-live."""
    if not work.billable:
        return False
    version = books.contracts[work.contract].terms.on(work.work_date)
    go_live = books.entities[version.legal_entity].go_live
    return go_live is None or work.work_date >= go_live
