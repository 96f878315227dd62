"""The pieces of an entry are the engine's parts of it: whatever the story, they say the same."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from canonical.engine.books import Books
from canonical.engine.parts import parts_of
from canonical.engine.rows import PartState
from canonical.errors import DomainError
from canonical.scenario.playing import fold, last_day_of
from canonical.why.pieces import pieces_of
from runtime.scenario_files import read_scenario, scenario_files
from tests import scenarios

ROOT = Path(scenarios.__file__).parent
REFUSED = ROOT / "refused"
"""Stories that have no end."""
FOLDERS = sorted({path.parent for path in scenario_files([ROOT])} - {REFUSED})

Sums = dict[tuple[str, PartState, str], tuple[Decimal, Decimal]]


def told(path: Path) -> tuple[Books, date] | None:
    """The books at the end of a story; None of one that is told to be refused."""
    scenario = read_scenario(path)
    try:
        return fold(scenario), last_day_of(scenario)
    except DomainError:
        return None


def by_parts(books: Books, on: date) -> Sums:
    found: Sums = {}
    for part in parts_of(books, on):
        _add(found, (part.entry, part.state, part.reason), part.quantity, part.amount)
    return found


def by_pieces(books: Books, on: date) -> Sums:
    """A piece is told by document, where a part is not; an amount without a quantity is no part."""
    found: Sums = {}
    for entry in {entry for book in books.contracts.values() for entry in book.works}:
        for piece in pieces_of(books, entry, on):
            reason = f"{piece.reason} {piece.cap_id}".rstrip()
            if piece.quantity:
                _add(found, (entry, piece.state, reason), piece.quantity, piece.amount)
    return found


def _add(sums: Sums, key: tuple[str, PartState, str], quantity: Decimal, amount: Decimal) -> None:
    before = sums.get(key, (Decimal(0), Decimal(0)))
    sums[key] = (before[0] + quantity, before[1] + amount)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_pieces_say_what_parts_say(folder: Path) -> None:
    stories = [found for path in sorted(folder.glob("*.yaml")) if (found := told(path))]
    for books, on in stories:
        assert by_pieces(books, on) == by_parts(books, on)
    assert stories
