"""Costs that approved work brings: expense claims, and what another entity of the firm is owed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from canonical.contract import ContractLine, ExpensesLine
from canonical.engine.books import Books
from canonical.engine.contract_book import ContractBook, Disbursed
from canonical.engine.posting import (
    accrual_day,
    counting_from,
    first_open,
    open_day,
    post,
    translated,
)
from canonical.engine.rows import Intercompany
from canonical.errors import RuleViolation
from canonical.ledger.accounts import Account
from canonical.ledger.entity import EntityTerms
from canonical.ledger.journal import JournalLine
from canonical.money import minor_unit, round_half_up
from canonical.periods import first_day, period_of
from canonical.rules import work_rules
from canonical.rules.expenses import Claim, claim
from canonical.rules.pricing import Work
from canonical.terms.policies import ChargeKind

ZERO = Decimal(0)


def post_claims(books: Books, book: ContractBook, on: date) -> None:
    """Dr 5010, 1400, 1300, Cr 2000 for each approved claim; a recalled one is reversed, and one
    that costs something else now is reversed and posted anew."""
    stale = [
        key for key in book.news if key in book.claimed and book.works.get(key) != book.claims[key]
    ]
    for key in sorted(stale, key=lambda key: book.claimed[key]):
        _take_back(books, book, key, on)
    for key in sorted(book.news - book.claimed.keys()):
        work = book.works.get(key)
        if work is not None and work.expense is not None:
            _post_claim(books, book, work, on)


def _take_back(books: Books, book: ContractBook, key: str, on: date) -> None:
    """A claim that does not stand; one that says the same in other words does."""
    before, now = book.claims[key], book.works.get(key)
    if now is not None and _claim_of(now) == _claim_of(before):
        return
    _reverse_claim(books, book.claimed.pop(key), on)
    book.disbursed.pop(key, None)


def _claim_of(work: Work) -> tuple[object, ...]:
    """What a claim's journal depends on."""
    return work.expense, work.work_date, work.entity, work.line


def _post_claim(books: Books, book: ContractBook, work: Work, on: date) -> None:
    if work.expense is None:
        raise AssertionError(f"{work.id} is no expense")
    version = book.terms.on(work.work_date)
    line = book.terms.line_for(version, work)
    found = claim(line if isinstance(line, ExpensesLine) else None, version.currency, work)
    biller = version.legal_entity if line is None else book.terms.entity_of(line, version)
    entity = books.entity(work.entity or biller)
    counts_from = counting_from(book, work.approved_at.date(), on)
    day = accrual_day(books, entity.code, work.work_date, counts_from)
    rate = books.known_rate(found.currency, entity.currency, work.work_date)
    if rate is None:
        rate = books.rate(found.currency, entity, day)
    parts = (
        (Account.EXPENSE_COST, found.cost),
        (Account.INPUT_VAT, found.recoverable_vat),
        (Account.DISBURSEMENTS, found.disbursed),
    )
    lines = [
        JournalLine(account, translated(amount, rate, entity), _minor(amount, found), book.terms.id)
        for account, amount in parts
    ]
    total = sum((line.amount for line in lines), ZERO)
    document = sum((line.document_amount for line in lines), ZERO)
    lines.append(JournalLine(Account.EMPLOYEE_PAYABLE, -total, -document, book.terms.id))
    event, currency = f"claim {work.id}", found.currency
    owner = entity.claims_owner
    journal = post(books, entity, day, event, lines, currency=currency, owner=owner)
    book.claimed[work.id] = journal.number if journal else 0
    book.claims[work.id] = work
    if found.disbursed:
        carried = translated(found.disbursed, rate, entity)
        book.disbursed[work.id] = Disbursed(carried, work.quantity)


def _minor(amount: Decimal, found: Claim) -> Decimal:
    """A claim in whole minor units: kilometres at a rate may be finer."""
    return round_half_up(amount, minor_unit(found.currency))


def _reverse_claim(books: Books, number: int, on: date) -> None:
    if not number:
        return
    journal = books.journals[number - 1]
    lines = [
        line._replace(amount=-line.amount, document_amount=-line.document_amount)
        for line in journal.lines
    ]
    day = accrual_day(books, journal.entity, journal.on, on)
    event = f"reverse: {journal.event}"
    currency = journal.document_currency
    entity = books.entity(journal.entity)
    owner = journal.owner
    post(books, entity, day, event, lines, currency=currency, reverses=number, owner=owner)


def post_intercompany(books: Books, book: ContractBook, on: date) -> None:
    """Work of an entity that another one bills, at the transfer price: both sides or none."""
    for key in sorted(book.news):
        work = book.works.get(key) or book.recalled.get(key)
        if work is not None and work.entity:
            _post_transfer(books, book, work, on)


def _post_transfer(books: Books, book: ContractBook, work: Work, on: date) -> None:
    version = book.terms.on(work.work_date)
    line = book.terms.line_for(version, work)
    if line is None or work.kind is not ChargeKind.TIME:
        return
    biller = book.terms.entity_of(line, version)
    if work.entity in ("", biller):
        return
    progress = book.record_of(work.id)
    amount = transfer_amount(book, line, work) if work.id in book.works else ZERO
    change = amount - progress.intercompany
    if not change:
        return
    sides = (
        (work.entity, Account.INTERCOMPANY_RECEIVABLE, Account.INTERCOMPANY_REVENUE),
        (biller, Account.INTERCOMPANY_COST, Account.INTERCOMPANY_PAYABLE),
    )
    entities = [books.entity(code) for code, _, _ in sides]  # both are known before one posts
    currency = version.currency
    counts_from = on if progress.intercompany else counting_from(book, work.approved_at.date(), on)
    day = _common_day(books, entities, work.work_date, counts_from)
    if any(books.known_rate(currency, each.currency, day) is None for each in entities):
        day = _common_day(books, entities, work.work_date, on)
    for entity, (_, debit, credit) in zip(entities, sides, strict=True):
        value = translated(change, books.rate(currency, entity, day), entity)
        lines = [
            JournalLine(debit, value, change, book.terms.id),
            JournalLine(credit, -value, -change, book.terms.id),
        ]
        post(books, entity, day, f"intercompany {work.id}", lines, currency=currency)
    progress.intercompany = amount
    books.intercompany.append(
        Intercompany(work.id, book.terms.id, work.entity, biller, change, currency)
    )


def _common_day(books: Books, entities: list[EntityTerms], work_date: date, on: date) -> date:
    """The first period that is open for both sides."""
    period = max(first_open(books, entity.code, period_of(work_date)) for entity in entities)
    start = work_date if period == period_of(work_date) else first_day(period)
    return accrual_day(books, entities[0].code, open_day(books, entities[1].code, start), on)


def transfer_amount(book: ContractBook, line: ContractLine, work: Work) -> Decimal:
    """Raises RuleViolation when the line has no transfer price."""
    price = line.transfer_price
    version = book.terms.on(work.work_date)
    step = minor_unit(version.currency)
    if price is None:
        raise RuleViolation(
            f"contract {book.terms.id}, line {line.line_id}: {work.id} was done by {work.entity}, "
            "and the line has no transfer price; add one"
        )
    if price.hourly is not None:
        return round_half_up(work.quantity * price.hourly, step)
    if price.percent_of_rate is None:
        raise AssertionError("a transfer price is one of two")
    prices = work_rules()[line.method].prices(line, version, [work])
    whole = sum((each.quantity * each.rate for each in prices), ZERO)
    return round_half_up(whole * price.percent_of_rate / 100, step)
