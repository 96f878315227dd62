"""Time and materials: approved hours at the rate of their role on the WORK date (convention 7)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from canonical.contract import ContractVersion, TimeAndMaterialsLine
from canonical.rules.multipliers import ONE, Segment, premiums_on, segments
from canonical.rules.pricing import Price, Tariff, Work
from canonical.rules.rate_precedence import RateBook, Resolved
from canonical.terms.policies import Multipliers, RateLevel

METHOD = "time_and_materials"
ZERO = Decimal(0)


def prices(
    line: TimeAndMaterialsLine, version: ContractVersion, works: Sequence[Work]
) -> list[Price]:
    """The portions of each entry at their rates. `works` come in the order in which the hours of a
    day count towards overtime, and hold whole days.

    Raises RateMissing for a role or date that no rate row covers.
    """
    card = _Card(line)
    if version.multipliers is not None:
        return _with_multipliers(card, version.multipliers, works)
    return [Price(work, 1, work.quantity, card.tariff(work)) for work in works]


class _Card:
    """The tariffs of one line, each made once."""

    def __init__(self, line: TimeAndMaterialsLine) -> None:
        self._book = RateBook(line.line_id, line.rates)
        self._plain: dict[tuple[str, str], list[tuple[date, date, Tariff]]] = {}
        """By person and role: tariffs with the first and the last day of each."""
        self._raised: dict[tuple[int, Decimal, str], Tariff] = {}

    def tariff(self, work: Work) -> Tariff:
        """Of the work's person, role and date."""
        day = work.work_date
        for first, last, tariff in self._plain.get((work.person, work.role), ()):
            if first <= day <= last:
                return tariff
        return self._find(work)

    def _find(self, work: Work) -> Tariff:
        found = self._book.resolve(work.person, work.role, work.work_date, work.id)
        tariff = _tariff(found, work)
        known = self._plain.setdefault((work.person, work.role), [])
        known.append((found.first, found.last, tariff))
        return tariff

    def raised(self, plain: Tariff, part: Segment) -> Tariff:
        """A tariff times the factor of a part of a day."""
        key = (id(plain), part.factor, part.label)
        found = self._raised.get(key)
        if found is None:
            found = self._raised[key] = _raised(plain, part)
        return found


def _tariff(resolved: Resolved, work: Work) -> Tariff:
    row = resolved.row
    personal = row.level is RateLevel.PERSON
    label = work.person if personal else work.role or work.person
    return Tariff(row.rate, row.row, tuple(each.row for each in resolved.beaten), label)


def _raised(plain: Tariff, part: Segment) -> Tariff:
    basis = plain.basis if part.factor == ONE else f"{plain.basis} x{part.factor}"
    label = f"{plain.description} {part.label}".rstrip()
    return Tariff(plain.rate * part.factor, basis, plain.beaten, label)


def _with_multipliers(card: _Card, policy: Multipliers, works: Sequence[Work]) -> list[Price]:
    premiums = {day: premiums_on(policy, day) for day in {work.work_date for work in works}}
    worked: dict[tuple[str, date], Decimal] = {}
    found: list[Price] = []
    for work in works:
        day = (work.person, work.work_date)
        before = work.hours_before
        if before is None:
            before = worked.get(day, ZERO)
        worked[day] = before + work.quantity
        plain = card.tariff(work)
        parts = segments(policy, premiums[work.work_date], work.quantity, before)
        for number, part in enumerate(parts, start=1):
            found.append(Price(work, number, part.quantity, card.raised(plain, part)))
    return found
