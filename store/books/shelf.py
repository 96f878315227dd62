"""A shelf of books that were told already, so that the next chapter need not begin at the first.

Only a cache: books are taken off while a chapter is told, and put back when it is committed. What
is missing, or behind what the database says, is told again from the rows.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from canonical.engine.retelling import Telling
from store.books.keeping import Place

ENTRIES_MAX = 100_000


@dataclass(slots=True)
class Told:
    """Books as far as they were told."""

    telling: Telling
    chapter: int
    """The last one."""
    fingerprint: str
    """Of the terms that they were told under: versions and legal entities."""
    places: list[Place] = field(default_factory=list)
    """Where each journal is kept, by its number."""

    @property
    def entries(self) -> int:
        return sum(len(book.works) for book in self.telling.books.contracts.values())


class Shelf:
    """Books by the contracts that share them, the least used ones thrown away first."""

    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        self._entries_max = entries_max
        self._books: OrderedDict[tuple[str, ...], Told] = OrderedDict()

    def take(self, contracts: tuple[str, ...], chapter: int, fingerprint: str) -> Told | None:
        """Take books off, if they are as new as the database."""
        told = self._books.pop(contracts, None)
        fits = told is not None and (told.chapter, told.fingerprint) == (chapter, fingerprint)
        return told if fits else None

    def put(self, contracts: tuple[str, ...], told: Told) -> None:
        self._books[contracts] = told
        while sum(each.entries for each in self._books.values()) > self._entries_max:
            self._books.popitem(last=False)
