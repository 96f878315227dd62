"""Month-end revaluation of monetary items: unrealised, in accounts beside them, reversed on day one
and before settlement."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.engine.books import Books
from canonical.engine.posting import open_day, post, translated
from canonical.errors import RuleViolation
from canonical.ledger.accounts import REVALUATION_OF, Account
from canonical.ledger.entity import EntityTerms
from canonical.ledger.journal import Journal, JournalLine
from canonical.periods import first_day, next_period, period_of

ZERO = Decimal(0)


class Monetary(NamedTuple):
    """One item to revalue; debits are positive."""

    account: Account
    contract: str
    item: str
    currency: str
    document: Decimal
    carried: Decimal


def revalue(books: Books, entity: EntityTerms, on: date) -> None:
    """Post the unrealised difference of each foreign item at the day's rate; it is reversed on the
    first day of the next period, or by another revaluation before that.

    Raises RuleViolation for a day of a locked period.
    """
    if not books.is_open(entity.code, period_of(on)):
        raise RuleViolation(
            f"period {period_of(on)} of {entity.code} is locked; revalue before it is locked"
        )
    earlier = [item for _, item, number in books.revaluations if _is_of(books, entity, number)]
    for name in dict.fromkeys(earlier):
        reverse_revaluation(books, name, on)
    for item in _monetary(books, entity):
        if item.currency == entity.currency or not item.document:
            continue
        value = translated(item.document, books.rate(item.currency, entity, on), entity)
        difference = value - item.carried
        lines = [
            JournalLine(REVALUATION_OF[item.account], difference, ZERO, item.contract, item.item),
            JournalLine(Account.UNREALISED_FX, -difference, ZERO, item.contract),
        ]
        event = f"revalue {item.account.value} {item.item or item.contract}"
        journal = post(books, entity, on, event, lines, currency=item.currency)
        if journal is not None:
            day_one = first_day(next_period(period_of(on)))
            books.revaluations.append((day_one, item.item or item.contract, journal.number))


def _is_of(books: Books, entity: EntityTerms, number: int) -> bool:
    return books.journals[number - 1].entity == entity.code


def _monetary(books: Books, entity: EntityTerms) -> Iterator[Monetary]:
    """1100 and 2400 by item; 1200 and 1250 by contract. 2200 keeps the rate of the advance."""
    for invoice, receivable in books.receivables.items():
        document = books.documents[invoice]
        if document.entity == entity.code:
            item = receivable.item
            yield Monetary(
                Account.RECEIVABLE,
                document.contract,
                invoice,
                document.currency,
                item.document,
                item.carried,
            )
    for (code, contract, currency), position in books.positions.items():
        if code == entity.code and position.foreign:
            assets = position.assets
            yield Monetary(
                Account.CONTRACT_ASSET, contract, "", currency, assets.document, assets.carried
            )
    for (code, contract, currency), queue in books.retentions.items():
        if code == entity.code:
            yield Monetary(Account.RETENTION, contract, "", currency, queue.document, queue.carried)
    for payment, cash in books.cash.items():
        if cash.entity == entity.code:
            item = cash.item
            yield Monetary(
                Account.UNAPPLIED_CASH, "", payment, cash.currency, -item.document, -item.carried
            )


def reverse_due(books: Books, today: date) -> None:
    """Reverse what day one has come for."""
    due = [each for each in books.revaluations if each[0] <= today]
    for day_one, _item, number in due:
        _reverse(books, books.journals[number - 1], day_one)
    books.revaluations = [each for each in books.revaluations if each[0] > today]


def reverse_revaluation(books: Books, item: str, on: date) -> None:
    """Before an item (an invoice, a payment, a contract's position) is settled, take back its
    revaluation."""
    mine = [each for each in books.revaluations if each[1] == item]
    for _day_one, _item, number in mine:
        _reverse(books, books.journals[number - 1], on)
    books.revaluations = [each for each in books.revaluations if each[1] != item]


def _reverse(books: Books, journal: Journal, on: date) -> None:
    entity = books.entity(journal.entity)
    lines = [
        line._replace(amount=-line.amount, document_amount=-line.document_amount)
        for line in journal.lines
    ]
    post(
        books,
        entity,
        open_day(books, entity.code, on),
        f"reverse: {journal.event}",
        lines,
        currency=journal.document_currency,
        reverses=journal.number,
    )
