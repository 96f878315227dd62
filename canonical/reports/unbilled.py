"""What a contract's books hold between revenue and billing: each part with its state and value.

The parts are priced anew, so that their sum proves the contract position instead of repeating it.
A part that is recognised and not billed is in the position (1200 less 2200); the others stand
beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from canonical.contract import ContractLine, ContractVersion
from canonical.engine.books import Books, ContractBook
from canonical.engine.columns import kind_of
from canonical.engine.offers import Look
from canonical.engine.recognition import UNDER_REVIEW, WAITING, open_nets, survey
from canonical.engine.rows import Charge, Transaction, TransactionKind
from canonical.ledger.accounts import Account
from canonical.rules.pricing import Work
from canonical.rules.retainer import Allowance
from canonical.terms.policies import RevenueTiming

ZERO = Decimal(0)


class UnbilledState(StrEnum):
    """Where a part is between revenue and billing."""

    READY = "ready"
    ON_DRAFT = "on_draft"
    UNDER_REVIEW = "under_review"
    """Held by an amendment or a write-down that waits; what was earned stays earned."""
    EARNED = "earned"
    """Of a fixed fee or a retainer: revenue is ahead of billing."""
    ADVANCE = "advance"
    """Of a fixed fee or a retainer: billing is ahead of revenue."""
    HELD = "held"
    WITH_INVOICE = "with_invoice"
    """Ready or on a draft; its revenue arises with the invoice itself."""
    DISBURSEMENT = "disbursement"
    """Paid as the client's agent: on 1300 until it is billed, never revenue."""


IN_POSITION = (
    UnbilledState.READY,
    UnbilledState.ON_DRAFT,
    UnbilledState.UNDER_REVIEW,
    UnbilledState.EARNED,
    UnbilledState.ADVANCE,
)
_FOLLOWS_ITS_BILLING = (TransactionKind.RETAINER, TransactionKind.SCHEDULE)
"""Fees that are no revenue when they fall due: their line's progress says what is."""
_RETENTIONS = (TransactionKind.RETENTION, TransactionKind.RETENTION_RELEASE)


class Place(NamedTuple):
    """Whose a part is, and the document currency that it is worth something in."""

    entity: str
    currency: str


class Unbilled(NamedTuple):
    """One part; amounts are net, in the invoice's currency."""

    place: Place
    state: UnbilledState
    kind: str
    """`time`, `expense`, `disbursement`, `milestone`, `retainer` or `schedule`."""
    line: str
    entry: str
    """The entry, or the fee's business key; empty where a line is meant as a whole."""
    work_date: date | None
    person: str
    quantity: Decimal
    amount: Decimal
    reason: str = ""


def unbilled_parts(books: Books, contract: str, on: date) -> list[Unbilled]:
    """Every part of a contract that is not billed, on the day of the books' last chapter."""
    book = books.contracts[contract]
    found = survey(books, book, on)
    nets = open_nets(books, book, on)
    return [
        *_ready(book, found, nets),
        *_on_draft(books, book),
        *_under_review(book),
        *_held(book, found),
        *_fixed_fees(books, book, on),
        *_retainers(books, book, nets, on),
    ]


def _ready(book: ContractBook, found: Look, nets: dict[str, Decimal]) -> Iterator[Unbilled]:
    """All charges of one entry are of one line; its net is theirs together."""
    first: dict[str, Charge] = {}
    quantities: dict[str, Decimal] = {}
    for charge in found.charges:
        key = charge.price.work.id
        first.setdefault(key, charge)
        quantities[key] = quantities.get(key, ZERO) + charge.quantity
    for key, charge in first.items():
        column, work = charge.column, charge.price.work
        if column.words.kind not in _FOLLOWS_ITS_BILLING:
            state = _state(column.words.credit_to, UnbilledState.READY)
            place, kind = _place(book, column.line, column.version), column.words.kind.value
            yield _part(place, state, kind, column.line, work, quantities[key], nets[key])


def _state(account: Account | None, usual: UnbilledState) -> UnbilledState:
    """By where billing credits: the contract position, 1300, or revenue at once."""
    if account is None:
        return usual
    is_agent = account is Account.DISBURSEMENTS
    return UnbilledState.DISBURSEMENT if is_agent else UnbilledState.WITH_INVOICE


def _part(
    place: Place,
    state: UnbilledState,
    kind: str,
    line: ContractLine,
    work: Work,
    quantity: Decimal,
    amount: Decimal,
    reason: str = "",
) -> Unbilled:
    return Unbilled(
        place,
        state,
        kind,
        line.line_id,
        work.id,
        work.work_date,
        work.person,
        quantity,
        amount,
        reason,
    )


def _place(book: ContractBook, line: ContractLine, version: ContractVersion) -> Place:
    currency = version.invoice_currency or version.currency
    return Place(book.terms.entity_of(line, version), currency)


def _on_draft(books: Books, book: ContractBook) -> Iterator[Unbilled]:
    """Billed by a run, and not posted: the ledger does not know of it yet."""
    for row in _transactions(books, book):
        if books.documents[row.document].posted or row.kind in _FOLLOWS_ITS_BILLING:
            continue
        if row.kind in _RETENTIONS:
            continue
        yield Unbilled(
            Place(row.entity, row.currency),
            _state(row.credit_to, UnbilledState.ON_DRAFT),
            row.kind.value,
            row.line_id,
            row.source,
            row.work_date,
            _person(book, row.source),
            row.quantity,
            row.net,
            row.document,
        )


def _transactions(books: Books, book: ContractBook) -> Iterator[Transaction]:
    return (row for row in books.transactions.values() if row.contract == book.terms.id)


def _person(book: ContractBook, entry: str) -> str:
    work = book.works.get(entry)
    return work.person if work is not None else ""


def _under_review(book: ContractBook) -> Iterator[Unbilled]:
    """What was recognised of an entry under review and neither billed nor written down."""
    for key, reason in sorted(book.flagged.items()):
        work, progress = book.works.get(key), book.progress.get(key)
        if work is None or progress is None or reason not in (UNDER_REVIEW, WAITING):
            continue
        amount = progress.recognised - progress.billed_net - progress.written_down_value
        line = book.terms.line_for(book.terms.on(work.work_date), work)
        if amount and line is not None:
            place = _place(book, line, book.terms.on(work.work_date))
            kind, state = kind_of(work, line).value, UnbilledState.UNDER_REVIEW
            yield _part(place, state, kind, line, work, work.quantity, amount, reason)


def _held(book: ContractBook, found: Look) -> Iterator[Unbilled]:
    """Not revenue and on no invoice; a fee is held as an amount."""
    for held in found.held:
        if held.reason in (UNDER_REVIEW, WAITING):
            continue
        work = held.price.work
        version = book.terms.at(work.work_date)
        line = book.terms.line_for(version, work)
        currency = version.invoice_currency or version.currency
        yield Unbilled(
            Place(book.terms.entity_of(line, version) if line else version.legal_entity, currency),
            UnbilledState.HELD,
            kind_of(work, line).value if line else work.kind.value,
            line.line_id if line else "",
            work.id,
            work.work_date,
            work.person,
            held.quantity,
            held.amount,
            f"{held.reason} {held.cap_id}".rstrip(),
        )


def _fixed_fees(books: Books, book: ContractBook, on: date) -> Iterator[Unbilled]:
    """Revenue to date of each fixed fee less what its schedule billed."""
    billed = _billed_by_line(books, book, TransactionKind.SCHEDULE)
    for line_id in sorted({*book.fee_lines, *billed}):
        line = book.terms.line(line_id, on)
        if line.revenue is RevenueTiming.ON_INVOICE:
            continue
        earned = book.fee_lines[line_id].revenue if line_id in book.fee_lines else ZERO
        amount = earned - billed.get(line_id, ZERO)
        yield from _ahead(book, line, TransactionKind.SCHEDULE, "", amount, on)


def _billed_by_line(books: Books, book: ContractBook, kind: TransactionKind) -> dict[str, Decimal]:
    """What posted documents credited to the position, by line, net of credits."""
    sums: dict[str, Decimal] = {}
    for row in _transactions(books, book):
        is_posted = books.documents[row.document].posted
        if row.kind is kind and row.credit_to is None and is_posted:
            sums[row.line_id] = sums.get(row.line_id, ZERO) + row.net
    return sums


def _ahead(
    book: ContractBook,
    line: ContractLine,
    kind: TransactionKind,
    key: str,
    amount: Decimal,
    on: date,
) -> Iterator[Unbilled]:
    """Revenue ahead of billing, or the other way; nothing when they are even."""
    if amount:
        state = UnbilledState.EARNED if amount > 0 else UnbilledState.ADVANCE
        place = _place(book, line, book.terms.at(on))
        yield Unbilled(place, state, kind.value, line.line_id, key, None, "", ZERO, amount)


def _retainers(
    books: Books, book: ContractBook, nets: dict[str, Decimal], on: date
) -> Iterator[Unbilled]:
    """Revenue of each term of a retainer less its fee, where the fee is billed."""
    for line_id, allowance in sorted(book.allowances.items()):
        if allowance.line.revenue is RevenueTiming.ON_INVOICE:
            continue
        billed, due = _fees_of(books, book, line_id, nets)
        for term in sorted(due):
            amount = _used(allowance, term, due[term]) - billed.get(term, ZERO)
            key = f"{line_id}/{term}"
            yield from _ahead(book, allowance.line, TransactionKind.RETAINER, key, amount, on)


def _fees_of(
    books: Books, book: ContractBook, line_id: str, nets: dict[str, Decimal]
) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """By term of one retainer: the fee as posted, and as billed, drafted or due."""
    billed: dict[str, Decimal] = {}
    due: dict[str, Decimal] = {}
    for row in _transactions(books, book):
        if row.kind is not TransactionKind.RETAINER or row.line_id != line_id:
            continue
        term = row.source.removeprefix(f"{line_id}/")
        due[term] = due.get(term, ZERO) + row.net
        if books.documents[row.document].posted:
            billed[term] = billed.get(term, ZERO) + row.net
    for key, net in nets.items():
        line, _, term = key.partition("/")
        if line == line_id and key not in book.works:
            due[term] = due.get(term, ZERO) + net
    return billed, due


def _used(allowance: Allowance, term: str, fee: Decimal) -> Decimal:
    """Revenue of one term: of its pool while hours are left, then the whole fee."""
    for pool in allowance.pools:
        if pool.term == term:
            return pool.recognised
    return fee if term in allowance.granted else ZERO
