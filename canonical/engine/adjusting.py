"""Write-downs and write-ups of unbilled entries: the entry keeps its standard value."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.engine.books import Books
from canonical.engine.contract_book import ContractBook
from canonical.engine.posting import open_day, revenue
from canonical.engine.recognition import WAITING, open_nets, recognise, survey
from canonical.engine.rows import Charge
from canonical.engine.running import keep_hours_before
from canonical.engine.story import Write, WriteKind
from canonical.errors import RuleViolation
from canonical.ledger.accounts import Account
from canonical.money import QUANTITY_STEP, allocate, minor_unit, round_half_up
from canonical.rules.value_adjustments import Approved, effective_on

ZERO = Decimal(0)


class Adjustment(NamedTuple):
    """What to take from one payer's share of a portion; a write-up takes a negative amount."""

    portion: int
    customer: str
    quantity: Decimal
    amount: Decimal
    measure: Decimal


def write(books: Books, kind: WriteKind, event: Write, on: date) -> None:
    """Adjust an entry on the day of the last required approval; until then it is held."""
    book = _book_of(books, event)
    book.unflag(event.entry, WAITING)
    charges = [
        charge for charge in survey(books, book, on).charges if charge.price.work.id == event.entry
    ]
    if not charges:
        raise RuleViolation(
            f"entry {event.entry} has nothing ready; billed work is credited, not written down"
        )
    version = book.terms.on(book.works[event.entry].work_date)
    currency = version.invoice_currency or version.currency
    steps = Steps(minor_unit(currency), minor_unit(version.currency), currency == version.currency)
    adjust = _up if kind is WriteKind.UP else _down
    adjustments = adjust(event, charges, steps)
    value = abs(sum((each.amount for each in adjustments), ZERO))
    day = _approved_on(books, book, event, value, on)
    if day is None:
        book.flag(event.entry, WAITING)
        return
    keep_hours_before(book, charges[0].price.work)
    _post(books, book, kind, event, adjustments, day, on)


def is_waiting(books: Books, event: Write) -> bool:
    """Whether it is asked for, and a required approval is missing."""
    return _book_of(books, event).flagged.get(event.entry) == WAITING


class Steps(NamedTuple):
    """The minor units of the invoice's and of the contract's currency."""

    invoice: Decimal
    contract: Decimal
    same: bool


def _book_of(books: Books, event: Write) -> ContractBook:
    for book in books.contracts.values():
        if event.entry in book.works and event.contract in ("", book.terms.id):
            return book
    raise RuleViolation(f"entry {event.entry!r} is not known or not approved")


def _approved_on(
    books: Books, book: ContractBook, event: Write, value: Decimal, on: date
) -> date | None:
    threshold = book.terms.at(on).second_approval_above
    approvals = [Approved(each.by, each.role, each.on) for each in event.approvals if each.on <= on]
    return effective_on(event.by, approvals, value, threshold, on)


def _down(event: Write, charges: list[Charge], steps: Steps) -> list[Adjustment]:
    if event.hours is not None:
        return _hours_down(event, charges, steps)
    if event.amount is None:
        raise RuleViolation(f"the write-down of {event.entry} needs `hours` or `amount`")
    whole = sum((charge.amount for charge in charges), ZERO)
    if event.amount > whole:
        raise RuleViolation(f"entry {event.entry} has {whole} ready, not {event.amount}")
    return _amounts(charges, event.amount, steps)


def _amounts(charges: list[Charge], amount: Decimal, steps: Steps) -> list[Adjustment]:
    weights = [charge.amount for charge in charges]
    return [
        Adjustment(charge.price.portion, charge.column.key.customer, ZERO, part, part)
        for charge, part in zip(charges, allocate(amount, weights, steps.invoice), strict=True)
    ]


def _hours_down(event: Write, charges: list[Charge], steps: Steps) -> list[Adjustment]:
    """The last portions first (overtime before plain hours), all payers alike."""
    left = event.hours or ZERO
    found: list[Adjustment] = []
    for portion in sorted({charge.price.portion for charge in charges}, reverse=True):
        mine = [charge for charge in charges if charge.price.portion == portion]
        ready = sum((charge.quantity for charge in mine), ZERO)
        taken = min(left, ready)
        if taken:
            parts = allocate(taken, [charge.quantity for charge in mine], QUANTITY_STEP)
            found += [
                _slice(charge, part, steps)
                for charge, part in zip(mine, parts, strict=True)
                if part
            ]
            left -= taken
    if left:
        raise RuleViolation(f"entry {event.entry} has {left} hours fewer ready than to write down")
    return found


def _slice(charge: Charge, quantity: Decimal, steps: Steps) -> Adjustment:
    """A quantity with its value: the rest keeps its own rounding."""
    share = (charge.quantity - quantity) / charge.quantity
    amount = charge.amount - round_half_up(charge.amount * share, steps.invoice)
    measure = charge.measure - round_half_up(charge.measure * share, steps.contract)
    return Adjustment(charge.price.portion, charge.column.key.customer, quantity, amount, measure)


def _up(event: Write, charges: list[Charge], steps: Steps) -> list[Adjustment]:
    """Only the difference is the write-up; hours stay as they are."""
    if event.rate is None and event.amount is None:
        raise RuleViolation(f"the write-up of {event.entry} needs `rate` or `amount`")
    if event.rate is None:
        ups = _amounts(charges, event.amount or ZERO, steps)
        return [each._replace(amount=-each.amount, measure=-each.measure) for each in ups]
    found = []
    for charge in charges:
        if event.rate <= charge.price.rate:
            raise RuleViolation(
                f"the write-up of {event.entry} to {event.rate} is no rise of {charge.price.rate}"
            )
        measure = charge.measure - round_half_up(charge.quantity * event.rate, steps.contract)
        factor = event.rate / charge.price.rate
        amount = charge.amount - round_half_up(charge.amount * factor, steps.invoice)
        amount = measure if steps.same else amount
        found.append(
            Adjustment(charge.price.portion, charge.column.key.customer, ZERO, amount, measure)
        )
    return found


def _post(
    books: Books,
    book: ContractBook,
    kind: WriteKind,
    event: Write,
    adjustments: list[Adjustment],
    day: date,
    on: date,
) -> None:
    before = open_nets(books, book, on).get(event.entry, ZERO)
    progress = book.progress_of(event.entry)
    for each in adjustments:
        progress.take(each.portion, each.customer, each.quantity, each.amount, each.measure)
    change = before - open_nets(books, book, on).get(event.entry, ZERO)
    if kind is WriteKind.UP:
        progress.written_up_value -= change
        recognise(books, book, on, lambda entry: day if entry == event.entry else None)
        return
    progress.written_down += sum((each.quantity for each in adjustments), ZERO)
    progress.written_down_value += change
    progress.written_down_by = event.by
    _post_down(books, book, event, change, day)


def _post_down(books: Books, book: ContractBook, event: Write, change: Decimal, day: date) -> None:
    """Dr 4900 against the position; nothing where the invoice itself would have been revenue."""
    progress = book.progress_of(event.entry)
    if not progress.recognised:
        return
    work = book.works[event.entry]
    version = book.terms.on(work.work_date)
    line = book.terms.line_for(version, work)
    if line is None:
        return
    entity = books.entity(book.terms.entity_of(line, version))
    currency = version.invoice_currency or version.currency
    amounts = {Account.ADJUSTMENTS: -change}
    posted_on = open_day(books, entity.code, day)
    text = f"write down {event.entry}: {event.reason}"
    revenue(books, entity, book.terms.id, currency, posted_on, text, amounts)
