"""Retelling: the fold taken chapter by chapter, as a ledger that is kept does it.

A chapter is one decision with everything that was heard of since the chapter before it. What a
chapter was told never changes afterwards, so telling the same chapters again gives the same books,
row by row; that is how the store proves what it holds.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, cast

from canonical.contract import ContractVersion
from canonical.engine.books import Books
from canonical.engine.contract_book import ContractBook
from canonical.engine.deliveries import RECALLED, hear_rates, hear_recall
from canonical.engine.fold import Step, decide, hear, open_books
from canonical.engine.story import Event, Recall, SpotRates
from canonical.errors import CurrencyMismatch, RuleViolation
from canonical.ledger.entity import EntityTerms
from canonical.rules.pricing import ExpenseCost, Work


class Chapter(NamedTuple):
    """One decision, and what was heard before it."""

    number: int
    on: datetime
    """The moment of the decision, in the books' own time."""
    contract: str
    decision: Event | None = None
    """None: the books are only brought up to date."""
    works: Sequence[Work] = ()
    """Entries that are approved as they stand here."""
    gone: Sequence[str] = ()
    """Entries that are not approved any more, or not as they were billed."""
    submitted: Sequence[Work] = ()
    """Time that waits for its approval, of a revenue close."""
    facts: Sequence[Event] = ()
    """Rates, acceptances, progress reports, payments."""
    locked: Mapping[str, str] = {}
    """The last closed period of each legal entity, as it was known then."""


@dataclass(slots=True)
class Telling:
    """Books, and what decisions taken so far will bring later."""

    books: Books
    later: list[Step]

    @classmethod
    def begin(cls, entities: Sequence[EntityTerms], versions: Sequence[ContractVersion]) -> Telling:
        """Raises RuleViolation for contracts that are not complete."""
        return cls(open_books(entities, versions), [])

    def tell(self, chapter: Chapter) -> None:
        """Tell the next chapter. When a rule refuses it, the books are spoilt: begin again."""
        self._take_effect(chapter.on)
        books, day = self.books, chapter.on.date()
        books.locked.update(chapter.locked)
        book = books.contract(chapter.contract)
        for entry in chapter.gone:
            hear_recall(books, Recall(entries=(entry,), contract=chapter.contract), day)
        rates = [fact for fact in chapter.facts if fact.rates is not None]
        for fact in rates:
            hear_rates(books, cast(SpotRates, fact.rates), fact.on)
        book.approve(_news(books, book, chapter.works))
        book.submitted = {
            work.id: work._replace(contract=book.terms.id) for work in chapter.submitted
        }
        hear(books, [fact for fact in chapter.facts if fact.rates is None], day)
        if chapter.decision is not None:
            self._decide(Step(chapter.on, chapter.number, chapter.decision.kind, chapter.decision))

    def _take_effect(self, moment: datetime) -> None:
        while self.later and self.later[0].moment <= moment:
            self._decide(heapq.heappop(self.later))

    def _decide(self, step: Step) -> None:
        for later in decide(self.books, step):
            heapq.heappush(self.later, later)


def _news(books: Books, book: ContractBook, works: Iterable[Work]) -> list[Work]:
    """Entries as they stand now, those that say something new. More hours on a billed entry leave
    what is billed where it is; approved again as it was billed, an entry needs no credit; the first
    approval stands."""
    found, known = [], book.works
    for told in works:
        work = _in_its_contract(books, book, told)
        before = known.get(work.id)
        if before is not None:
            _approve_again(book, work.id)
            if before._replace(approved_at=work.approved_at) == work:
                continue
        found.append(work)
    return found


def _in_its_contract(books: Books, book: ContractBook, work: Work) -> Work:
    """With its contract's name, and a cost in its contract's currency, at the rate of the day it
    was first heard."""
    if work.contract != book.terms.id:
        work = work._replace(contract=book.terms.id)
    if work.expense is not None and not work.expense.rate:
        known = _known_cost(book, work)
        rate = known.rate if known else _rate_of(books, book, work, work.expense.currency)
        work = work._replace(expense=work.expense._replace(rate=rate))
    return work


def _known_cost(book: ContractBook, work: Work) -> ExpenseCost | None:
    """Of the same currency and day, as it was heard before."""
    before = book.works.get(work.id)
    if before is None or before.expense is None or work.expense is None:
        return None
    told = (before.expense.currency, before.work_date)
    return before.expense if told == (work.expense.currency, work.work_date) else None


def _rate_of(books: Books, book: ContractBook, work: Work, currency: str) -> Decimal:
    """Contract currency per unit of an expense's. Raises CurrencyMismatch that names the
    expense when no rate is known."""
    into = book.terms.on(work.work_date).currency
    try:
        return books.cross(currency, into, work.work_date)
    except RuleViolation as error:
        where = f"expense {work.id} (no {currency}/{into} rate is known on {work.work_date})"
        raise CurrencyMismatch(expected=into, found=currency, where=where) from error


def _approve_again(book: ContractBook, entry: str) -> None:
    book.progress_of(entry).recall_pending = False
    book.unflag(entry, RECALLED)
