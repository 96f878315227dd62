"""What a contract's books say of one entry: its parts, with the document or the reason of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from canonical.engine.books import Books
from canonical.engine.contract_book import ContractBook, Progress
from canonical.engine.offers import Look
from canonical.engine.recognition import survey
from canonical.engine.retelling import Chapter, Telling
from canonical.engine.rows import PartState, Transaction
from canonical.landscape import LegalEntity
from canonical.rules.pricing import ExpenseCost, Work
from canonical.terms.lines import FixedFeeLine
from canonical.terms.policies import ChargeKind
from canonical.work import Expense, TimeEntry

ZERO = Decimal(0)


ON_DOCUMENTS = (PartState.BILLED, PartState.ON_DRAFT)


class Room(NamedTuple):
    """A limit that let no more through: its height, and what is billed against it; money in
    contract currency, or hours. What is ready before the entry takes the rest."""

    height: Decimal
    billed: Decimal
    unit: str


class Piece(NamedTuple):
    """A part of an entry; the amount is in the invoice's currency."""

    contract: str
    state: PartState
    quantity: Decimal
    amount: Decimal
    currency: str
    document: str = ""
    """The key of the invoice that bills it, or of the credit note that concedes it."""
    reason: str = ""
    """Why it is held or not ours, who wrote it down, what covers it."""
    cap_id: str = ""
    room: Room | None = None


def hear(telling: Telling, contract: str, works: Sequence[Work], on: datetime) -> None:
    """Tell books of entries as the next run would hear them. Raises RuleViolation for what a rule
    refuses; the books are spoilt then."""
    telling.tell(Chapter(number=0, on=on, contract=contract, works=works))


def work_of(item: TimeEntry | Expense, entity: LegalEntity, approved_at: datetime) -> Work:
    """An approved item as the books hear it; `approved_at` in their own time."""
    role = item.role if isinstance(item, TimeEntry) else ""
    return Work(
        id=entry_of(item),
        contract="",
        kind=ChargeKind(item.kind),
        work_date=item.work_date,
        approved_at=approved_at,
        quantity=item.quantity,
        person=item.person,
        role=entity.role_named(role) or role,
        task=item.task if isinstance(item, TimeEntry) else "",
        line=item.line,
        entity=item.legal_entity,
        billable=item.billable,
        in_caps=not item.outside_caps,
        description=item.description,
        expense=_cost(item) if isinstance(item, Expense) else None,
    )


def entry_of(item: TimeEntry | Expense) -> str:
    return f"{item.source}/{item.kind}/{item.external_id}"


def _cost(expense: Expense) -> ExpenseCost:
    return ExpenseCost(
        category=expense.category,
        net=expense.cost.amount,
        vat=expense.vat,
        recoverable_vat=expense.recoverable_vat,
        currency=expense.cost.currency,
        units=expense.units,
        disbursement=expense.disbursement,
        rate=ZERO,  # found when it is told
    )


def pieces_of(books: Books, entry: str, on: date) -> list[Piece]:
    """All parts of an entry on a day. Of contracts that share their books one at most has it: it
    leaves the one before it arrives in the other."""
    book = next((each for each in books.contracts.values() if entry in each.works), None)
    return [] if book is None else list(_pieces(books, book, entry, on))


def _pieces(books: Books, book: ContractBook, entry: str, on: date) -> Iterator[Piece]:
    work, contract = book.works[entry], book.terms.id
    currency = book.terms.currency(work.work_date)
    never = _never_billed(books, book, work)
    if never is not None:
        state, reason = never
        yield Piece(contract, state, work.quantity, ZERO, currency, reason=reason)
        return
    progress = book.progress.get(entry)
    yield from _settled(books, book, entry)
    yield from _written_down(contract, progress, currency)
    if progress is not None and progress.covered:
        yield Piece(
            contract, PartState.COVERED, progress.covered, ZERO, currency, reason="retainer"
        )
    seen = survey(books, book, on)
    yield from _ready(contract, seen, entry, currency)
    yield from _held(books, book, seen, work, on)


def _never_billed(books: Books, book: ContractBook, work: Work) -> tuple[PartState, str] | None:
    """Whole entries that are not ours to bill, or whose price is not theirs."""
    if not work.billable:
        return PartState.EXCLUDED, "not billable"
    place = book.terms.place(work)
    if not place.is_ours:
        go_live = books.entity(place.version.legal_entity).go_live
        return PartState.BILLED_ELSEWHERE, f"before {go_live}"
    if isinstance(place.line, FixedFeeLine):
        return PartState.COVERED, "fixed price"
    return None


def _settled(books: Books, book: ContractBook, entry: str) -> Iterator[Piece]:
    """By the invoice that bills it, net of its credits; and what was conceded, by credit note."""
    sums: dict[str, list[Transaction]] = {}
    for row in books.transactions.values():
        if row.contract != book.terms.id or row.source != entry:
            continue
        origin = books.transactions[row.credits] if row.credits else row
        sums.setdefault(origin.document, []).append(row)
        if row.concession:
            state = PartState.CONCEDED
            amounts = (-row.quantity, -row.amount, row.currency)
            yield Piece(book.terms.id, state, *amounts, row.document)
    for document, rows in sums.items():
        quantity = sum((row.quantity for row in rows), ZERO)
        amount = sum((row.amount for row in rows), ZERO)
        if quantity or amount:
            posted = books.documents[document].posted
            state = PartState.BILLED if posted else PartState.ON_DRAFT
            yield Piece(book.terms.id, state, quantity, amount, rows[0].currency, document)


def _written_down(contract: str, progress: Progress | None, currency: str) -> Iterator[Piece]:
    """Hours, or an amount that leaves the hours where they are."""
    if progress is not None and (progress.written_down or progress.written_down_value):
        quantity, value = progress.written_down, progress.written_down_value
        by = progress.written_down_by
        yield Piece(contract, PartState.WRITTEN_DOWN, quantity, value, currency, reason=by)


def _ready(contract: str, seen: Look, entry: str, currency: str) -> Iterator[Piece]:
    mine = [each for each in seen.charges if each.price.work.id == entry]
    quantity = sum((each.quantity for each in mine), ZERO)
    amount = sum((each.amount for each in mine), ZERO)
    if quantity:
        yield Piece(contract, PartState.READY, quantity, amount, currency)


def _held(books: Books, book: ContractBook, seen: Look, work: Work, on: date) -> Iterator[Piece]:
    currency = book.terms.currency(work.work_date)
    for held in seen.held:
        if held.price.work.id == work.id:
            yield Piece(
                book.terms.id,
                PartState.HELD,
                held.quantity,
                held.amount,
                currency,
                reason=held.reason,
                cap_id=held.cap_id,
                room=_room(books, book, work, held.cap_id, on) if held.cap_id else None,
            )


def _room(books: Books, book: ContractBook, work: Work, cap_id: str, on: date) -> Room | None:
    version = book.terms.on(work.work_date)
    line = book.terms.line_for(version, work)
    for limit in book.terms.limits(line.line_id if line else "", work.kind, work.work_date, on):
        if limit.cap_id == cap_id:
            unit = "h" if limit.by_hours else version.currency
            return Room(limit.height, books.consumed.get(limit.key, ZERO), unit)
    return None
