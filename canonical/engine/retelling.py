"""Retelling: the fold taken chapter by chapter, as a ledger that is kept does it.

A chapter is one decision with everything that was heard of since the chapter before it. What a
chapter was told never changes afterwards, so telling the same chapters again gives the same books,
row by row; that is how the store proves what it holds.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from canonical.contract import ContractVersion
from canonical.engine.books import Books, ContractBook
from canonical.engine.deliveries import RECALLED, hear_recall
from canonical.engine.fold import Step, decide, hear, open_books
from canonical.engine.story import Event, Recall
from canonical.ledger.entity import EntityTerms
from canonical.rules.pricing import Work


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
    def begin(
        cls, entities: Sequence[EntityTerms], versions: Sequence[ContractVersion]
    ) -> Telling:
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
        for work in chapter.works:
            _hear_work(book, work)
        hear(books, chapter.facts, day)
        if chapter.decision is not None:
            self._decide(Step(chapter.on, chapter.number, chapter.decision.kind, chapter.decision))

    def _take_effect(self, moment: datetime) -> None:
        while self.later and self.later[0].moment <= moment:
            self._decide(heapq.heappop(self.later))

    def _decide(self, step: Step) -> None:
        for later in decide(self.books, step):
            heapq.heappush(self.later, later)


def _hear_work(book: ContractBook, work: Work) -> None:
    """An entry as it stands now. More hours on a billed entry leave what is billed where it is;
    approved again as it was billed, it needs no credit."""
    progress = book.progress.get(work.id)
    known = book.works.get(work.id)
    if progress is not None and progress.recall_pending and known is not None:
        progress.recall_pending = False
        if book.flagged.get(work.id) == RECALLED:
            del book.flagged[work.id]
    book.works[work.id] = work
    book.recalled.pop(work.id, None)
