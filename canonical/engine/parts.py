"""Every part of every approved entry in exactly one state; the parts add up to the entry."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal

from canonical.engine.books import Books
from canonical.engine.contract_book import ContractBook
from canonical.engine.offers import Look
from canonical.engine.recognition import survey
from canonical.engine.rows import Part, PartState
from canonical.rules.pricing import Work
from canonical.terms.lines import FixedFeeLine

ZERO = Decimal(0)


def parts_of(books: Books, on: date) -> tuple[Part, ...]:
    """The state of all parts on a day, sorted by entry and state."""
    found: list[Part] = []
    for book in books.contracts.values():
        seen = survey(books, book, on)
        settled = _settled(books, book)
        for key in sorted(book.works):
            found += _parts(books, book, book.works[key], seen, settled.get(key, {}))
    return tuple(found)


def ready_or_held(books: Books, book: ContractBook, on: date) -> set[str]:
    """Entries of which a part waits to be billed; what a retainer or a fixed price covers does
    not."""
    seen = survey(books, book, on)
    ready = {charge.price.work.id for charge in seen.charges}
    return ready | {held.price.work.id for held in seen.held}


Settled = dict[PartState, tuple[Decimal, Decimal]]


def _settled(books: Books, book: ContractBook) -> dict[str, Settled]:
    """Quantities and amounts by transaction: billed, on draft, conceded."""
    sums: dict[str, dict[PartState, list[Decimal]]] = defaultdict(
        lambda: defaultdict(lambda: [ZERO, ZERO])
    )
    for row in books.transactions.values():
        if row.contract != book.terms.id or row.source not in book.works:
            continue
        is_posted = books.documents[row.document].posted
        state = PartState.BILLED if is_posted else PartState.ON_DRAFT
        _add(sums[row.source][state], row.quantity, row.amount)
        if row.concession:
            _add(sums[row.source][PartState.CONCEDED], -row.quantity, -row.amount)
    return {
        key: {state: (pair[0], pair[1]) for state, pair in states.items()}
        for key, states in sums.items()
    }


def _add(pair: list[Decimal], quantity: Decimal, amount: Decimal) -> None:
    pair[0] += quantity
    pair[1] += amount


def _parts(
    books: Books, book: ContractBook, work: Work, seen: Look, settled: Settled
) -> list[Part]:
    elsewhere = _not_ours(books, book, work)
    if elsewhere is not None:
        return [elsewhere]
    progress = book.progress.get(work.id)
    found = [
        Part(work.id, state, quantity, "", amount)
        for state, (quantity, amount) in settled.items()
        if quantity
    ]
    if progress is not None and progress.written_down:
        by = progress.written_down_by
        value = progress.written_down_value
        found.append(Part(work.id, PartState.WRITTEN_DOWN, progress.written_down, by, value))
    if progress is not None and progress.covered:
        found.append(Part(work.id, PartState.COVERED, progress.covered, "retainer"))
    found += _open_parts(work, seen)
    return sorted(found, key=lambda part: (part.entry, part.state.value, part.reason))


def _not_ours(books: Books, book: ContractBook, work: Work) -> Part | None:
    if not work.billable:
        return Part(work.id, PartState.EXCLUDED, work.quantity, "not billable")
    version = book.terms.on(work.work_date)
    go_live = books.entity(version.legal_entity).go_live
    if go_live is not None and work.work_date < go_live:
        return Part(work.id, PartState.BILLED_ELSEWHERE, work.quantity, f"before {go_live}")
    line = book.terms.line_for(version, work)
    if isinstance(line, FixedFeeLine):
        return Part(work.id, PartState.COVERED, work.quantity, "fixed price")
    return None


def _open_parts(work: Work, seen: Look) -> list[Part]:
    ready, amount = ZERO, ZERO
    for charge in seen.charges:
        if charge.price.work.id == work.id:
            ready += charge.quantity
            amount += charge.amount
    found = [Part(work.id, PartState.READY, ready, "", amount)] if ready else []
    for held in seen.held:
        if held.price.work.id == work.id:
            reason = f"{held.reason} {held.cap_id}".rstrip()
            found.append(Part(work.id, PartState.HELD, held.quantity, reason, held.amount))
    return found
