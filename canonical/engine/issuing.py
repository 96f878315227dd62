"""Issuing a document: its journal, its receivable, and what it settles at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal

from canonical.engine.books import Books, Receivable
from canonical.engine.posting import (
    open_day,
    position_lines,
    post,
    reclassify,
    rounding_or_fx,
    translated,
)
from canonical.engine.receivables import apply_freed_cash, note_standing
from canonical.engine.revaluation import reverse_revaluation
from canonical.engine.rows import Document, Transaction
from canonical.errors import RuleViolation
from canonical.ledger.accounts import Account
from canonical.ledger.entity import EntityTerms
from canonical.ledger.journal import JournalLine
from canonical.ledger.open_items import ItemQueue, OpenItem
from canonical.ledger.position import Moved
from canonical.money import minor_unit
from canonical.periods import period_of

ZERO = Decimal(0)


def issue(books: Books, document: Document) -> None:
    """Post an invoice on its date, or on the first open day after it."""
    entity = books.entity(document.entity)
    on = open_day(books, entity.code, document.on)
    reverse_revaluation(books, document.contract, on)
    rate = books.rate(document.currency, entity, on)
    gross = translated(document.gross, rate, entity)
    rows = [each for line in document.lines for each in line.transactions]
    transactions = [books.transactions[each] for each in rows]
    lines, moved, rates = credit_side(books, entity, document, transactions, on, rate)
    lines.append(
        JournalLine(Account.RECEIVABLE, gross, document.gross, document.contract, document.id)
    )
    lines.append(
        JournalLine(
            Account.OUTPUT_TAX,
            -translated(document.tax, rate, entity),
            -document.tax,
            document.contract,
        )
    )
    lines.append(rounding_or_fx(lines, rates, rate, document.contract))
    event = f"post {document.id}"
    post(books, entity, on, event, lines, currency=document.currency, document=document.id)
    if moved is not None:
        reclassify(books, entity, document.contract, document.currency, moved)
    books.documents[document.id] = replace(document, posted=True)
    item = OpenItem(document.gross, gross, rate)
    books.receivables[document.id] = Receivable(item=item, gross=document.gross)
    note_standing(books, document.id, on)
    apply_freed_cash(books, books.documents[document.id], on)


def credit_side(
    books: Books,
    entity: EntityTerms,
    document: Document,
    transactions: Iterable[Transaction],
    on: date,
    rate: Decimal,
) -> tuple[list[JournalLine], Moved | None, frozenset[Decimal]]:
    """The accounts that a document's nets go to, what it did to the position, and the rates of
    what it cleared. Credits come with negative nets."""
    sums: dict[Account | None, Decimal] = {}
    agents: list[Transaction] = []
    for each in transactions:
        sums[each.credit_to] = sums.get(each.credit_to, ZERO) + each.net
        if each.credit_to is Account.DISBURSEMENTS:
            agents.append(each)
    lines: list[JournalLine] = []
    moved: Moved | None = None
    rates: set[Decimal] = set()
    for account, net in sums.items():
        if account is None:
            position = books.position(entity, document.contract, document.currency)
            moved = position.post(-net, period_of(on), rate)
            lines += position_lines(moved.own, document.contract)
            rates |= moved.cleared_rates
        elif account is Account.RETENTION:
            value, cleared = _retention(books, entity, document, -net, rate)
            lines.append(JournalLine(account, value, -net, document.contract))
            rates |= cleared
        elif account is Account.DISBURSEMENTS:
            lines += [_disbursement(books, entity, each, rate) for each in agents]
        else:
            value = -translated(net, rate, entity)
            lines.append(JournalLine(account, value, -net, document.contract))
    return lines, moved, frozenset(rates)


def _retention(
    books: Books, entity: EntityTerms, document: Document, change: Decimal, rate: Decimal
) -> tuple[Decimal, set[Decimal]]:
    """The ledger's change of 1250: what arises at today's rate, what is cleared at its own."""
    key = (entity.code, document.contract, document.currency)
    queue = books.retentions.setdefault(key, ItemQueue())
    if change > 0:
        value = translated(change, rate, entity)
        queue.add(OpenItem(change, value, rate))
        return value, set()
    if -change > queue.document:
        raise RuleViolation(
            f"{document.id} takes {-change} from the retentions of contract {document.contract}, "
            f"which hold {queue.document}; credit the release of the retention first"
        )
    carried, rates = queue.settle(-change, minor_unit(entity.currency))
    return -carried, rates


def _disbursement(
    books: Books, entity: EntityTerms, transaction: Transaction, rate: Decimal
) -> JournalLine:
    """Clear 1300 with what it carries, in proportion to the quantity billed or credited."""
    book = books.contracts[transaction.contract]
    whole = book.works[transaction.source].quantity
    carried = book.disbursed.get(transaction.source)
    if carried is None or transaction.currency == entity.currency:
        value = translated(transaction.net, rate, entity)
    else:
        value = translated(carried * transaction.quantity / whole, Decimal(1), entity)
    return JournalLine(Account.DISBURSEMENTS, -value, -transaction.net, transaction.contract)
