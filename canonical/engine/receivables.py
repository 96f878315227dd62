"""Receivables: payments applied, deducted, disputed, freed, refunded, written off (F10).

The paid amount is never changed. Realised FX is the difference between the rounded carrying
amounts of both sides, never computed by itself.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from canonical.engine.books import Books, Receivable, Settled
from canonical.engine.posting import open_day, post, translated
from canonical.engine.revaluation import reverse_revaluation
from canonical.engine.rows import Document, Standing
from canonical.errors import RuleViolation
from canonical.ledger.accounts import Account
from canonical.ledger.journal import JournalLine
from canonical.money import minor_unit

ZERO = Decimal(0)


def note_standing(books: Books, invoice: str, on: date) -> None:
    """One row of the invoice's timeline; a later row of the same day replaces the earlier one."""
    receivable = books.receivables[invoice]
    row = Standing(invoice, on, receivable.item.document, receivable.disputed, _status(receivable))
    books.standings = [each for each in books.standings if (each.invoice, each.on) != (invoice, on)]
    books.standings.append(row)


def _status(receivable: Receivable) -> str:
    if not receivable.item.document:
        return "closed"
    untouched = receivable.item.document == receivable.gross and not receivable.settled
    status = "open" if untouched else "partially_paid"
    if receivable.disputed:
        return "disputed" if untouched else f"{status}_disputed"
    return status


def settle(
    books: Books,
    invoice: str,
    amount: Decimal,
    on: date,
    debits: list[JournalLine],
    event: str,
    paid_by: str = "",
) -> None:
    """Take `amount` out of an invoice's receivable against `debits` (in the ledger's currency);
    what the two sides carry differently is realised FX."""
    document = books.document(invoice)
    entity = books.entity(document.entity)
    reverse_revaluation(books, invoice, on)
    item = books.receivable(invoice).item
    if amount > item.document:
        raise RuleViolation(
            f"{amount} {document.currency} is more than the {item.document} that is open on "
            f"invoice {invoice}"
        )
    carried = item.settle(amount, minor_unit(entity.currency))
    lines = [
        *debits,
        JournalLine(Account.RECEIVABLE, -carried, -amount, document.contract, invoice),
    ]
    difference = -sum((line.amount for line in lines), ZERO)
    lines.append(JournalLine(Account.REALISED_FX, difference, ZERO, document.contract))
    post(books, entity, on, event, lines, currency=document.currency, document=paid_by)


def apply_cash(books: Books, payment: str, invoice: str, amount: Decimal, on: date) -> None:
    """Put unapplied cash against an invoice, at the cash's own rate."""
    document = books.document(invoice)
    cash = books.cash[payment]
    if cash.currency != document.currency:
        raise RuleViolation(
            f"payment {payment} is in {cash.currency}, invoice {invoice} in {document.currency}"
        )
    entity = books.entity(document.entity)
    on = open_day(books, entity.code, on)
    reverse_revaluation(books, payment, on)
    carried = cash.item.settle(amount, minor_unit(entity.currency))
    debit = JournalLine(Account.UNAPPLIED_CASH, carried, amount, cash.contract, payment)
    settle(books, invoice, amount, on, [debit], f"apply {payment}")
    books.receivables[invoice].settled.append(Settled(amount, payment))
    note_standing(books, invoice, on)


def apply_freed_cash(books: Books, document: Document, on: date) -> None:
    """What bills credited work again takes first what the credit freed."""
    for payment, cash in list(books.cash.items()):
        if not cash.freed_by or cash.entity != document.entity:
            continue
        amount = min(cash.item.document, books.receivables[document.id].item.document)
        if amount > 0 and _bills_again(books, document, cash.freed_by):
            apply_cash(books, payment, document.id, amount, on)


def _bills_again(books: Books, document: Document, invoice: str) -> bool:
    """Whether a document bills something that was credited, to be billed again, of an invoice."""
    if document.rebills == invoice:
        return True
    credited = {
        (row.source, row.portion, row.customer)
        for row_id in books.of_document.get(invoice, [])
        if (row := books.transactions[row_id]).credits and not row.concession
    }
    billed = (books.transactions[row_id] for line in document.lines for row_id in line.transactions)
    return any((row.source, row.portion, row.customer) in credited for row in billed)


def free_payments(books: Books, invoice: str, amount: Decimal, on: date) -> None:
    """Take back what settled an invoice that is credited, newest first: what was paid or deducted
    into 2400, each at its own rate, as if it had not been applied; what was written off for good.
    """
    receivable, left = books.receivables[invoice], amount
    while left > 0:
        if not receivable.settled:
            raise RuleViolation(
                f"the credit of invoice {invoice} is {left} more than is left of it"
            )
        last = receivable.settled.pop()
        part = min(last.amount, left)
        if last.amount > part:
            receivable.settled.append(last._replace(amount=last.amount - part))
        if last.payment:
            _unapply(books, invoice, last.payment, part, on)
        else:
            _take_back_write_off(books, invoice, part, on)
        left -= part


def _unapply(books: Books, invoice: str, payment: str, part: Decimal, on: date) -> None:
    document, receivable = books.document(invoice), books.receivables[invoice]
    entity = books.entity(document.entity)
    cash = books.cash[payment]
    owed = translated(part, receivable.item.rate, entity)
    held = translated(part, cash.item.rate, entity)
    receivable.item.document += part
    receivable.item.carried += owed
    cash.item.document += part
    cash.item.carried += held
    cash.freed_by = invoice
    lines = [
        JournalLine(Account.RECEIVABLE, owed, part, document.contract, invoice),
        JournalLine(Account.UNAPPLIED_CASH, -held, -part, cash.contract, payment),
        JournalLine(Account.REALISED_FX, held - owed, ZERO, document.contract),
    ]
    event = f"free {payment} from {invoice}"
    post(books, entity, on, event, lines, currency=document.currency)


def _take_back_write_off(books: Books, invoice: str, part: Decimal, on: date) -> None:
    document, item = books.document(invoice), books.receivables[invoice].item
    entity = books.entity(document.entity)
    owed = translated(part, item.rate, entity)
    item.document += part
    item.carried += owed
    lines = [
        JournalLine(Account.RECEIVABLE, owed, part, document.contract, invoice),
        JournalLine(Account.WRITE_OFF, -owed, -part, document.contract, invoice),
    ]
    event = f"reverse: write-off of {invoice}"
    post(books, entity, on, event, lines, currency=document.currency)


def write_off(books: Books, invoice: str, amount: Decimal, on: date, event: str) -> None:
    """Dr 6100: the carrying amount, so no FX arises."""
    document = books.document(invoice)
    entity = books.entity(document.entity)
    on = open_day(books, entity.code, on)
    reverse_revaluation(books, invoice, on)
    item = books.receivable(invoice).item
    if amount > item.document:
        raise RuleViolation(f"invoice {invoice} has only {item.document} open, not {amount}")
    carried = item.settle(amount, minor_unit(entity.currency))
    lines = [
        JournalLine(Account.WRITE_OFF, carried, amount, document.contract, invoice),
        JournalLine(Account.RECEIVABLE, -carried, -amount, document.contract, invoice),
    ]
    post(books, entity, on, event, lines, currency=document.currency)
    books.receivables[invoice].settled.append(Settled(amount))
    note_standing(books, invoice, on)


def write_off_residue(books: Books, invoice: str, on: date) -> None:
    """A residue at or under the contract's tolerance, undisputed, by rule."""
    document, receivable = books.document(invoice), books.receivables[invoice]
    tolerance = books.contracts[document.contract].terms.at(on).writeoff_tolerance
    left = receivable.item.document
    if 0 < left <= tolerance and not receivable.disputed:
        write_off(
            books, invoice, left, on, f"small-balance write-off of {invoice} (tolerance rule)"
        )
