"""Credits name the entries and quantities that they credit, and are posted.

A re-billable credit reopens exactly what it credits; a concession debits 4900 and never comes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from canonical.engine.books import Books
from canonical.engine.credit_notes import CreditTerms, Left, Slice, left_of, note_of, tax_left
from canonical.engine.documents import register
from canonical.engine.issuing import credit_side, issue
from canonical.engine.posting import open_day, post, reclassify, rounding_or_fx, translated
from canonical.engine.receivables import free_payments, note_standing
from canonical.engine.revaluation import reverse_revaluation
from canonical.engine.rows import Document, DocumentType, Transaction
from canonical.errors import RuleViolation
from canonical.ledger.accounts import Account
from canonical.ledger.journal import JournalLine
from canonical.money import allocate, minor_unit, round_half_up

ZERO = Decimal(0)


def credit(books: Books, invoice: str, slices: Sequence[Slice], terms: CreditTerms) -> Document:
    """Make and post the credit note. Raises RuleViolation when it credits more than is left."""
    original = books.document(invoice)
    if not original.posted:
        raise RuleViolation(f"invoice {invoice} is a draft; discard it instead of crediting it")
    if terms.id in books.documents:
        raise RuleViolation(f"document {terms.id} exists already")
    note, rows = note_of(books, original, slices, terms)
    books.documents[note.id] = note
    for row in rows:
        books.transactions[row.id] = row
        books.of_document[invoice].append(row.id)
    register(books, rows)
    _post_note(books, original, note, rows, terms)
    return note


def _post_note(
    books: Books,
    original: Document,
    note: Document,
    rows: list[Transaction],
    terms: CreditTerms,
) -> None:
    if note.gross > 0:  # a delta that raises the price is owed on top
        issue(books, note)
        return
    entity = books.entity(note.entity)
    on = open_day(books, entity.code, note.on)
    reverse_revaluation(books, original.id, on)
    reverse_revaluation(books, note.contract, on)
    receivable = books.receivables[original.id]
    rate, contract = receivable.item.rate, note.contract
    owed = _taken_off(books, original, -note.gross, on)
    found = credit_side(books, entity, note, rows, on, rate)
    lines = [*found.lines, *owed]
    tax = -translated(note.tax, rate, entity)
    lines.append(JournalLine(Account.OUTPUT_TAX, tax, -note.tax, contract))
    lines.append(rounding_or_fx(lines, contract, is_realised=found.is_realised))
    event = f"post {note.id}"
    post(books, entity, on, event, lines, currency=note.currency, document=note.id)
    if found.moved is not None:
        reclassify(books, entity, contract, note.currency, found.moved)
    books.documents[note.id] = replace(note, posted=True)
    if terms.dispute:
        receivable.disputes.pop(terms.dispute, None)
    note_standing(books, original.id, on)


def _taken_off(books: Books, original: Document, owed: Decimal, on: date) -> list[JournalLine]:
    """Take a credit off what is open: of the invoice, then of the deltas that raised it; what is
    paid already is freed, newest documents first."""
    family = [original.id]
    family += [
        each.id
        for each in books.documents.values()
        if each.credits == original.id and each.type is DocumentType.INVOICE
    ]
    left = owed - sum((books.receivables[each].item.document for each in family), ZERO)
    for each in reversed(family):
        settled = sum((part.amount for part in books.receivables[each].settled), ZERO)
        freed = min(max(left, ZERO), settled)
        free_payments(books, each, freed, on)
        left -= freed
    if left > 0:
        raise RuleViolation(f"a credit of {owed} is {left} more than is left of {original.id}")
    step = minor_unit(books.entity(original.entity).currency)
    lines, rest = [], owed
    for each in family:
        item = books.receivables[each].item
        part_owed = min(item.document, rest)
        carried = item.settle(part_owed, step)
        rest -= part_owed
        lines.append(JournalLine(Account.RECEIVABLE, -carried, -part_owed, original.contract, each))
        note_standing(books, each, on)
    return lines


def credit_gross(books: Books, invoice: str, gross: Decimal, terms: CreditTerms) -> Document:
    """A credit of an agreed gross amount over the whole document, with its tax.

    The net is the one whose tax makes up the gross; where rounding leaves none, the nearest.
    """
    original = books.document(invoice)
    left = [each for each in left_of(books, invoice).values() if each.price > 0]
    step = minor_unit(original.currency)
    best = min(
        (price for price in _candidates(books, original, left, gross, step) if price > 0),
        key=lambda price: _distance(
            note_of(books, original, _over(left, price, step), terms)[0], gross
        ),
    )
    return credit(books, invoice, _over(left, best, step), terms)


def _distance(note: Document, gross: Decimal) -> tuple[Decimal, bool]:
    """How far a note is from an agreed gross; of two that are as near, the smaller one."""
    return abs(note.gross + gross), -note.gross > gross


def _candidates(
    books: Books, original: Document, left: list[Left], gross: Decimal, step: Decimal
) -> list[Decimal]:
    if original.tax_inclusive:
        return [gross]
    prices = sum((each.price for each in left), ZERO)
    tax = sum((row.amount for row in tax_left(books, original).values()), ZERO)
    price = round_half_up(gross * prices / (prices + tax), step)
    return [price, price - step, price + step]


def _over(left: list[Left], price: Decimal, step: Decimal) -> list[Slice]:
    parts = allocate(price, [each.price for each in left], step)
    return [
        Slice(each.row, ZERO, amount, ZERO, amount, each.row.rate)
        for each, amount in zip(left, parts, strict=True)
        if amount
    ]
