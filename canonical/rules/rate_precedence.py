"""Rate precedence: person, project role, contract role, customer card, default (F11)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from canonical.contract import RateRow
from canonical.errors import RateMissing
from canonical.terms.policies import RateLevel

_STRENGTH = {level: strength for strength, level in enumerate(RateLevel)}


class Resolved(NamedTuple):
    """The row that holds, and the rows it beat, strongest first."""

    row: RateRow
    beaten: tuple[RateRow, ...]


class RateBook:
    """The rate rows of one contract line, asked once per person, role and WORK date."""

    def __init__(self, line_id: str, rows: Sequence[RateRow]) -> None:
        self._line_id = line_id
        self._rows = sorted(rows, key=lambda row: (_STRENGTH[row.level], not row.role))
        self._known: dict[tuple[str, str, date], Resolved] = {}

    def resolve(self, person: str, role: str, work_date: date, item: str) -> Resolved:
        """Raises RateMissing, which names line, role, date and item."""
        key = (person, role, work_date)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._find(person, role, work_date, item)
        return found

    def _find(self, person: str, role: str, work_date: date, item: str) -> Resolved:
        fitting = [
            row
            for row in self._rows
            if row.in_force(work_date) and row.person in ("", person) and row.role in ("", role)
        ]
        if not fitting:
            raise RateMissing(
                line_id=self._line_id, role=role or "(none)", work_date=work_date, item=item
            )
        return Resolved(fitting[0], tuple(fitting[1:]))
