"""What counts against limits: what each billed row takes of them, also of caps that came later."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from canonical.engine.books import Books
from canonical.engine.contract_book import ContractBook
from canonical.engine.contracts import is_outside_caps
from canonical.engine.rows import KIND_OF_CHARGE, Transaction, TransactionKind
from canonical.rules.caps import Limit
from canonical.terms.policies import ChargeKind

ZERO = Decimal(0)
Used = tuple[tuple[str, Decimal], ...]

_NEVER = (
    TransactionKind.DISBURSEMENT,
    TransactionKind.DISCOUNT,
    TransactionKind.RETENTION,
    TransactionKind.RETENTION_RELEASE,
)


def used_of(books: Books, row: Transaction) -> Used:
    """What a row takes of each limit."""
    return (*row.limits, *books.counted.get(row.id, ()))


def count_billed(books: Books, on: date) -> None:
    """Limits are consumed first by what is billed (convention 8): a cap that a version in force on
    a day brought also counts what was billed before it."""
    for book in books.contracts.values():
        version = book.terms.at(on)
        if book.counted_under != version.version:
            book.counted_under = version.version
            for row in _rows(books, book):
                _count(books, book, row, on)


def _rows(books: Books, book: ContractBook) -> Iterable[Transaction]:
    for row in books.transactions.values():
        if row.contract == book.terms.id and row.kind not in _NEVER:
            yield row


def _count(books: Books, book: ContractBook, row: Transaction, on: date) -> None:
    counted = {key for key, _used in used_of(books, row)}
    missing = [limit for limit in _limits(book, row, on) if limit.key not in counted]
    if not missing:
        return
    used = tuple((each.key, row.quantity if each.by_hours else row.measure) for each in missing)
    books.counted[row.id] = (*books.counted.get(row.id, ()), *used)
    for key, amount in used:
        books.consumed[key] = books.consumed.get(key, ZERO) + amount


def _limits(book: ContractBook, row: Transaction, on: date) -> list[Limit]:
    work = book.works.get(row.source) or book.recalled.get(row.source)
    if work is not None and is_outside_caps(book.terms.line(row.line_id, row.work_date), work):
        return []
    kind = KIND_OF_CHARGE.get(row.kind, ChargeKind.FEE)
    limits = book.terms.limits(row.line_id, kind, row.work_date, on)
    return [limit for limit in limits if limit.customer in ("", row.customer)]
