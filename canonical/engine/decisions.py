"""Decisions: ordered facts, each taken on what is known at its moment."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from canonical.engine.books import Books
from canonical.engine.closing import accrue_unapproved, check_open, close_progress
from canonical.engine.credit_notes import (
    CreditTerms,
    Left,
    Slice,
    left_of,
    part,
    whole,
    with_retentions,
)
from canonical.engine.crediting import credit
from canonical.engine.receivables import write_off, write_off_residue
from canonical.engine.recognition import recognise
from canonical.engine.retainers import close_retainers, settle_retainers
from canonical.engine.story import (
    ContractClose,
    Credit,
    CreditedEntry,
    CreditKind,
    Lock,
    RevenueClose,
    WriteOff,
)
from canonical.errors import RuleViolation
from canonical.ledger.accounts import Account
from canonical.money import minor_unit, round_half_up
from canonical.periods import last_day

ZERO = Decimal(0)


def lock(books: Books, event: Lock) -> None:
    """Periods close in order: a lock closes all before it."""
    codes = [event.entity] if event.entity else list(books.entities)
    for code in codes:
        books.entity(code)
        books.locked[code] = max(books.locked.get(code, ""), event.period)


def close_revenue(books: Books, event: RevenueClose, on: date) -> None:
    """Post what a period earned by use, progress and time."""
    chosen = [books.contract(event.contract)] if event.contract else books.contracts.values()
    day = last_day(event.period)
    for book in chosen:
        check_open(books, book, event.period)
        settle_retainers(books, book, day, on, rolls_on_last_day=True)
        recognise(books, book, on)
        close_progress(books, book, day, on)
        accrue_unapproved(books, book, event.period, on)


def close_contract(books: Books, event: ContractClose, on: date) -> None:
    """Settle what was used, then refund or forfeit what is left of its retainers."""
    book = books.contract(event.contract)
    settle_retainers(books, book, on, on)
    close_retainers(books, book, on, event.credit_note)
    book.closed_on = on


def take_credit(books: Books, event: Credit, on: date) -> None:
    """Credit the entries and quantities named, or the whole document."""
    left = left_of(books, event.invoice)
    slices = (
        with_retentions(
            [each for named in event.entries for each in _slices(event, named, left)], left
        )
        if event.entries
        else whole(left.values())
    )
    if not slices:
        raise RuleViolation(f"invoice {event.invoice} has nothing left to credit")
    conceded = event.kind is CreditKind.CONCESSION
    terms = CreditTerms(
        id=event.credit_note or f"{event.invoice} credit {len(books.documents) + 1}",
        on=on,
        account=Account.ADJUSTMENTS if conceded else None,
        comes_back=not conceded,
        dispute=event.dispute,
        label="concession" if conceded else "credit",
    )
    credit(books, event.invoice, slices, terms)
    _lower_recalled(books, event.invoice, slices)
    if books.receivables[event.invoice].settled:
        write_off_residue(books, event.invoice, on)


def _slices(event: Credit, named: CreditedEntry, left: dict[str, Left]) -> list[Slice]:
    """The parts of one entry, its last portions first; a fee is named by its key."""
    mine = [
        each
        for each in reversed(list(left.values()))
        if named.entry in (each.row.source, each.row.source.partition("/")[2]) and each.amount > 0
    ]
    if not mine:
        raise RuleViolation(
            f"invoice {event.invoice} has nothing of {named.entry!r} that is not credited yet"
        )
    if named.rate is not None:
        return [_own_amount(event, named, mine[0])]
    wanted = named.quantity
    if wanted is None:
        return [part(each, each.quantity) for each in mine]
    found: list[Slice] = []
    for each in mine:
        taken = min(wanted, each.quantity)
        if taken:
            found.append(part(each, taken))
            wanted -= taken
    if wanted:
        raise RuleViolation(
            f"entry {named.entry} has {wanted} fewer on invoice {event.invoice} than to credit"
        )
    return found


def _own_amount(event: Credit, named: CreditedEntry, left: Left) -> Slice:
    """Quantity x rate of its own, e.g. disputed hours within a fee; a concession only."""
    if event.kind is not CreditKind.CONCESSION or named.quantity is None or named.rate is None:
        raise RuleViolation(
            f"credit of {event.invoice}: a `rate` of its own is for concessions, with a `quantity`"
        )
    amount = round_half_up(named.quantity * named.rate, minor_unit(left.row.currency))
    return Slice(left.row, named.quantity, amount, ZERO, amount, named.rate)


def _lower_recalled(books: Books, invoice: str, slices: list[Slice]) -> None:
    """A recalled entry is no longer approved once it is credited in full."""
    book = books.contracts[books.document(invoice).contract]
    for source in {each.row.source for each in slices}:
        progress = book.progress_of(source)
        is_gone = not any(taken.quantity for taken in progress.taken.values())
        if progress.recall_pending and is_gone:
            book.drop(source)
            progress.recall_pending = False


def take_write_off(books: Books, event: WriteOff, on: date) -> None:
    """Above the tolerance, by finance approval."""
    item = books.receivable(event.invoice).item
    amount = event.amount or item.document
    text = f"write-off of {event.invoice}: {event.reason} (approved by {event.approved_by})"
    write_off(books, event.invoice, amount, on, text)
