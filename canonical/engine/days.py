"""Days: what a person had worked before an entry on its day, which counts towards overtime."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from canonical.contract import TimeAndMaterialsLine
from canonical.engine.contract_book import ContractBook
from canonical.engine.offers import Day
from canonical.rules.pricing import Work

ZERO = Decimal(0)


def day_of(book: ContractBook, work: Work) -> Day | None:
    """None where no premium can apply."""
    place = book.terms.place(work)
    counts = place.version.multipliers is not None and isinstance(place.line, TimeAndMaterialsLine)
    return (work.person, work.work_date) if counts else None


def hours_before(book: ContractBook, works: Iterable[Work]) -> dict[str, Decimal]:
    """By entry, for works that hold all that counts; empty without multipliers."""
    days: dict[Day, list[Work]] = {}
    if book.terms.has_multipliers:
        for work in works:
            day = day_of(book, work)
            if day is not None:
                days.setdefault(day, []).append(work)
    return {entry: hours for mine in days.values() for entry, hours in before_each(book, mine)}


def before_each(book: ContractBook, mine: Sequence[Work]) -> Iterable[tuple[str, Decimal]]:
    """Of one day. Billed entries keep what was before them and count first."""
    kept = {work.id: hours for work in mine if (hours := _kept(book, work)) is not None}
    yield from kept.items()
    worked = sum([work.quantity for work in mine if work.id in kept], ZERO)
    for work in sorted(mine, key=lambda work: (work.approved_at, work.id)):
        if work.id not in kept:
            yield work.id, worked
            worked += work.quantity


def _kept(book: ContractBook, work: Work) -> Decimal | None:
    progress = book.progress.get(work.id)
    return None if progress is None else progress.hours_before


def with_hours_before(works: Iterable[Work], before: Mapping[str, Decimal]) -> Iterable[Work]:
    """Works as rules are told them."""
    if not before:
        return works
    return [work.after(before[work.id]) if work.id in before else work for work in works]
