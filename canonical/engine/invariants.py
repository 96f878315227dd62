"""What must hold after every step; broken, it is a bug, and nothing of the story may be used."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from canonical.engine.books import Books
from canonical.engine.charging import EVERYTHING, look
from canonical.engine.counting import used_of
from canonical.engine.parts import parts_of
from canonical.engine.rows import TransactionKind
from canonical.ledger.accounts import Account
from canonical.ledger.journal import check_balance

ZERO = Decimal(0)
_OF_ENTRIES = (TransactionKind.TIME, TransactionKind.EXPENSE, TransactionKind.DISBURSEMENT)


class InvariantBroken(AssertionError):
    """A bug in the engine."""


def check(books: Books, on: date) -> None:
    """Raises InvariantBroken naming the first thing that does not hold."""
    check_rows(books)
    _looks_are_as_anew(books, on)
    _parts_add_up(books, on)


def check_rows(books: Books) -> None:
    """What the rows prove by themselves, without pricing anything again."""
    for journal in books.journals:
        check_balance(journal)
    _documents_add_up(books)
    _consumption_is_proven(books)
    _never_more_than_approved(books)
    _positions_tie(books)
    _positions_are_revenue_less_billed(books)
    _receivables_tie(books)


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise InvariantBroken(sentence)


def _documents_add_up(books: Books) -> None:
    for document in books.documents.values():
        net = sum((line.net for line in document.lines), ZERO)
        tax = sum((row.amount for row in document.taxes), ZERO)
        rows = [books.transactions[row] for line in document.lines for row in line.transactions]
        told = sum((row.net for row in rows), ZERO)
        holds = net == document.net == told and net + tax == document.gross
        _require(holds, f"document {document.id} does not add up")


def _consumption_is_proven(books: Books) -> None:
    """No counter that the rows do not prove."""
    proven: dict[str, Decimal] = {}
    for row in books.transactions.values():
        for key, used in used_of(books, row):
            proven[key] = proven.get(key, ZERO) + used
    for key in {*proven, *books.consumed}:
        same = proven.get(key, ZERO) == books.consumed.get(key, ZERO)
        _require(same, f"limit {key} counts {books.consumed.get(key)}, its rows {proven.get(key)}")


def _never_more_than_approved(books: Books) -> None:
    sums: dict[tuple[str, str], Decimal] = {}
    for row in books.transactions.values():
        if row.kind in _OF_ENTRIES:
            key = (row.contract, row.source)
            sums[key] = sums.get(key, ZERO) + row.quantity
    for (contract, entry), billed in sums.items():
        work = books.contracts[contract].works.get(entry)
        approved = work.quantity if work is not None else ZERO
        sentence = f"entry {entry}: {billed} billed net of credits, {approved} approved"
        _require(ZERO <= billed <= approved, sentence)


def _looks_are_as_anew(books: Books, on: date) -> None:
    """What is kept between looks changes nothing."""
    kept = list(books.contracts.values())
    found, anew = (
        look(group, EVERYTHING, on, on, books.consumed, books.exchange(on))
        for group in (kept, [book.seen_anew() for book in kept])
    )
    same = found.charges == anew.charges and found.held == anew.held
    _require(same, "offers that were kept are not what pricing everything again finds")


def _parts_add_up(books: Books, on: date) -> None:
    sums: dict[str, Decimal] = {}
    for part in parts_of(books, on):
        _require(part.quantity > 0, f"a part of {part.entry} has the quantity {part.quantity}")
        sums[part.entry] = sums.get(part.entry, ZERO) + part.quantity
    for book in books.contracts.values():
        for work in book.works.values():
            total = sums.get(work.id, ZERO)
            sentence = f"entry {work.id} has {work.quantity}, its parts add up to {total}"
            _require(total == work.quantity, sentence)


def _positions_tie(books: Books) -> None:
    """One side only, and as the ledger has it."""
    ledger: dict[tuple[str, str, str, Account], Decimal] = {}
    for journal in books.journals:
        for line in journal.lines:
            key = (journal.entity, line.contract, journal.document_currency, line.account)
            ledger[key] = ledger.get(key, ZERO) + line.document_amount
    for (entity, contract, currency), position in books.positions.items():
        start = position.opening
        asset = ledger.get((entity, contract, currency, Account.CONTRACT_ASSET), ZERO)
        liability = ledger.get((entity, contract, currency, Account.CONTRACT_LIABILITY), ZERO)
        asset, liability = asset + max(start, ZERO), liability + min(start, ZERO)
        _require(asset + liability == position.net, f"contract {contract}: its position is off")
        _require(not (asset and liability), f"contract {contract} has an asset and a liability")


_REVENUE = (Account.SERVICE_REVENUE, Account.EXPENSE_REVENUE, Account.ADJUSTMENTS)
_POSITION = (Account.CONTRACT_ASSET, Account.RETENTION, Account.CONTRACT_LIABILITY)


def _positions_are_revenue_less_billed(books: Books) -> None:
    """1200 + 1250 - 2200 = revenue net of 4900 - net billed without disbursements (convention
    11), in the currency of the invoices. A disbursement conceded is in 4900 like any other."""
    sums: dict[tuple[str, str, str], Decimal] = {}
    for journal in books.journals:
        for line in journal.lines:
            if line.account in (*_REVENUE, *_POSITION):
                key = (journal.entity, line.contract, journal.document_currency)
                sums[key] = sums.get(key, ZERO) + line.document_amount
    for row in books.transactions.values():
        is_agents = row.credit_to is Account.DISBURSEMENTS
        if not is_agents and books.documents[row.document].posted:
            key = (row.entity, row.contract, row.currency)
            sums[key] = sums.get(key, ZERO) + row.net
    for (entity, contract, currency), difference in sums.items():
        sentence = f"contract {contract} of {entity}: position and revenue differ by {difference}"
        _require(difference == 0, f"{sentence} {currency}")


def _receivables_tie(books: Books) -> None:
    """The control account = open items."""
    ledger: dict[str, Decimal] = {}
    for journal in books.journals:
        for line in journal.lines:
            if line.account is Account.RECEIVABLE:
                ledger[line.item] = ledger.get(line.item, ZERO) + line.amount
    for invoice, receivable in books.receivables.items():
        booked = ledger.get(invoice, ZERO) + receivable.opening
        sentence = f"invoice {invoice}: {receivable.item.carried} open, {booked} in the ledger"
        _require(booked == receivable.item.carried, sentence)
