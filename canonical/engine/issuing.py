"""Issuing a document: its journal, its receivable, and what it settles at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.engine.books import Books, Disbursed, Receivable
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
from canonical.money import minor_unit, round_half_up
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
    found = credit_side(books, entity, document, transactions, on, rate)
    lines = found.lines
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
    lines.append(rounding_or_fx(lines, document.contract, is_realised=found.is_realised))
    event = f"post {document.id}"
    post(books, entity, on, event, lines, currency=document.currency, document=document.id)
    if found.moved is not None:
        reclassify(books, entity, document.contract, document.currency, found.moved)
    books.documents[document.id] = replace(document, posted=True)
    item = OpenItem(document.gross, gross, rate)
    books.receivables[document.id] = Receivable(item=item, gross=document.gross)
    note_standing(books, document.id, on)
    apply_freed_cash(books, books.documents[document.id], on)


class CreditSide(NamedTuple):
    """Where a document's nets go, and what that settles."""

    lines: list[JournalLine]
    moved: Moved | None
    """What it did to the contract's position."""
    is_realised: bool
    """Something was cleared that the ledger carried at another rate than the day's."""


def credit_side(
    books: Books,
    entity: EntityTerms,
    document: Document,
    transactions: Iterable[Transaction],
    on: date,
    rate: Decimal,
) -> CreditSide:
    """The accounts that a document's nets go to. Credits come with negative nets."""
    sums: dict[Account | None, Decimal] = {}
    agents: list[Transaction] = []
    for each in transactions:
        sums[each.credit_to] = sums.get(each.credit_to, ZERO) + each.net
        if each.credit_to is Account.DISBURSEMENTS:
            agents.append(each)
    found = CreditSide([], None, is_realised=False)
    for account, net in sums.items():
        if account is None:
            found = _to_position(books, entity, document, net, on, rate, found)
        elif account is Account.DISBURSEMENTS:
            for each in agents:
                found = _with(found, *_disbursement(books, entity, each, rate))
        elif account is Account.RETENTION:
            found = _with(found, *_retention(books, entity, document, -net, rate))
        else:
            value = -translated(net, rate, entity)
            found = _with(found, JournalLine(account, value, -net, document.contract), False)
    return found


def _with(found: CreditSide, line: JournalLine, is_realised: bool) -> CreditSide:
    return found._replace(lines=[*found.lines, line], is_realised=found.is_realised or is_realised)


def _to_position(
    books: Books,
    entity: EntityTerms,
    document: Document,
    net: Decimal,
    on: date,
    rate: Decimal,
    found: CreditSide,
) -> CreditSide:
    position = books.position(entity, document.contract, document.currency)
    moved = position.post(-net, period_of(on), rate)
    lines = position_lines(moved.own, document.contract)
    is_realised = any(cleared != rate for cleared in moved.cleared_rates)
    return CreditSide([*found.lines, *lines], moved, found.is_realised or is_realised)


def _retention(
    books: Books, entity: EntityTerms, document: Document, change: Decimal, rate: Decimal
) -> tuple[JournalLine, bool]:
    """The change of 1250: what arises at today's rate, what is cleared at its own."""
    key = (entity.code, document.contract, document.currency)
    queue = books.retentions.setdefault(key, ItemQueue())
    if change > 0:
        value = translated(change, rate, entity)
        queue.add(OpenItem(change, value, rate))
        return JournalLine(Account.RETENTION, value, change, document.contract), False
    if -change > queue.document:
        raise RuleViolation(
            f"{document.id} takes {-change} from the retentions of contract {document.contract}, "
            f"which hold {queue.document}; credit the release of the retention first"
        )
    carried, rates = queue.settle(-change, minor_unit(entity.currency))
    line = JournalLine(Account.RETENTION, -carried, change, document.contract)
    return line, any(cleared != rate for cleared in rates)


def _disbursement(
    books: Books, entity: EntityTerms, transaction: Transaction, rate: Decimal
) -> tuple[JournalLine, bool]:
    """Clear 1300 with what it carries of the quantity billed or credited."""
    book, step = books.contracts[transaction.contract], minor_unit(entity.currency)
    today = translated(transaction.net, rate, entity)
    value = today
    known = book.disbursed.get(transaction.source)
    if known is not None and not _is_at_cost(known, transaction, entity):
        value = known.clear(transaction.quantity, step)
    line = JournalLine(Account.DISBURSEMENTS, -value, -transaction.net, transaction.contract)
    return line, value != today


def _is_at_cost(known: Disbursed, transaction: Transaction, entity: EntityTerms) -> bool:
    """Whether all payers together are billed exactly what 1300 carries: no rate is between."""
    priced = known.quantity * transaction.rate * (transaction.fx or 1)
    whole = round_half_up(priced, minor_unit(transaction.currency))
    return transaction.currency == entity.currency and whole == known.carried
