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
    """The rate rows of one contract line, sorted once for each person and role."""

    def __init__(self, line_id: str, rows: Sequence[RateRow]) -> None:
        self._line_id = line_id
        self._rows = sorted(rows, key=lambda row: (_STRENGTH[row.level], not row.role))
        self._of: dict[tuple[str, str], list[RateRow]] = {}

    def resolve(self, person: str, role: str, work_date: date, item: str) -> Resolved:
        """The row by WORK date. Raises RateMissing, which names line, role, date and item."""
        rows = self._of.get((person, role))
        if rows is None:
            rows = self._of[(person, role)] = self._fitting(person, role)
        found = [row for row in rows if row.in_force(work_date)]
        if not found:
            raise RateMissing(
                line_id=self._line_id, role=role or "(none)", work_date=work_date, item=item
            )
        return Resolved(found[0], tuple(found[1:]) if len(found) > 1 else ())

    def _fitting(self, person: str, role: str) -> list[RateRow]:
        return [row for row in self._rows if row.person in ("", person) and row.role in ("", role)]
