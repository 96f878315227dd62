"""Modifications of fixed prices: a new line, the rest prospectively, or a cumulative catch-up
(IFRS 15.20-21)."""

from __future__ import annotations

from datetime import date

from canonical.contract import ContractVersion
from canonical.engine.books import Books, ContractBook
from canonical.engine.fixed_fees import bring_to, keep_baseline
from canonical.errors import RuleViolation
from canonical.rules.progress import day_before
from canonical.terms.lines import FixedFeeLine
from canonical.terms.policies import Modification, RevenueTiming

Pair = tuple[FixedFeeLine, FixedFeeLine]
"""A line before and after."""


def check_modification(before: ContractVersion, version: ContractVersion) -> None:
    """Raises RuleViolation when what is distinct at its stand-alone price changes another line."""
    if version.modification is not Modification.SEPARATE:
        return
    for _old, line in _changed(before, version):
        raise RuleViolation(
            f"contract {version.contract_id}: a `separate` modification leaves contract line "
            f"{line.line_id} as it was agreed; write what is added as a line of its own, or choose "
            "`prospective` or `catch_up`"
        )


def fix_what_was_earned(books: Books, book: ContractBook, version: ContractVersion) -> None:
    """A prospective modification leaves what was recognised until it takes effect as it is.

    Raises RuleViolation when nobody reported how far the work had come.
    """
    before = _before(book, version)
    if version.modification is not Modification.PROSPECTIVE or before is None:
        return
    day = version.effective_from
    for old, new in _changed(before, version):
        until = day_before(day) if old.revenue is RevenueTiming.STRAIGHT_LINE else day
        todate = bring_to(books, book, old, before, until, day, is_close=False)
        if todate is None:
            raise RuleViolation(
                f"contract {book.terms.id}, line {new.line_id}: a prospective modification needs a "
                f"progress report on or before {until}"
            )
        keep_baseline(book, new.line_id, todate, day, until)


def catch_up(books: Books, book: ContractBook, version: ContractVersion, on: date) -> None:
    """Not distinct: the cumulative catch-up, once the change is agreed and in force; months before
    are not restated."""
    before = _before(book, version)
    if version.modification is not Modification.CATCH_UP or before is None:
        return
    for _old, line in _changed(before, version):
        state = book.fee_line(line.line_id)
        if state.earned or state.reports:
            day = max(version.effective_from, on)
            bring_to(books, book, line, version, day, on, is_close=False)


def _before(book: ContractBook, version: ContractVersion) -> ContractVersion | None:
    place = book.terms.versions.index(version)
    return book.terms.versions[place - 1] if place else None


def _changed(before: ContractVersion, after: ContractVersion) -> list[Pair]:
    """Fixed fees with another price or term, whose revenue does not follow the invoice."""
    old = {line.line_id: line for line in before.lines if isinstance(line, FixedFeeLine)}
    return [
        (old[line.line_id], line)
        for line in after.lines
        if isinstance(line, FixedFeeLine)
        and line.line_id in old
        and line.revenue is not RevenueTiming.ON_INVOICE
        and _price_and_term(old[line.line_id]) != _price_and_term(line)
    ]


def _price_and_term(line: FixedFeeLine) -> tuple[object, ...]:
    return line.price, line.starts, line.ends
