"""Rate precedence: person, project role, contract role, customer card, default (F11)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from canonical.contract import RateRow
from canonical.errors import RateMissing
from canonical.terms.policies import RateLevel

ONE_DAY = timedelta(days=1)
_STRENGTH = {level: strength for strength, level in enumerate(RateLevel)}


class Resolved(NamedTuple):
    """The row that holds, the rows it beat, strongest first, and the days between which that is
    so."""

    row: RateRow
    beaten: tuple[RateRow, ...]
    first: date
    last: date


class RateBook:
    """The rate rows of one contract line, the strongest first."""

    def __init__(self, line_id: str, rows: Sequence[RateRow]) -> None:
        self._line_id = line_id
        self._rows = sorted(rows, key=lambda row: (_STRENGTH[row.level], not row.role))

    def resolve(self, person: str, role: str, work_date: date, item: str) -> Resolved:
        """The row by WORK date. Raises RateMissing, which names line, role, date and item."""
        rows = [row for row in self._rows if row.person in ("", person) and row.role in ("", role)]
        holding = [row for row in rows if row.in_force(work_date)]
        if not holding:
            raise RateMissing(
                line_id=self._line_id, role=role or "(none)", work_date=work_date, item=item
            )
        return Resolved(holding[0], tuple(holding[1:]), *_unchanged(rows, work_date))


def _unchanged(rows: Sequence[RateRow], day: date) -> tuple[date, date]:
    """The days around a day on which the same of these rows are in force."""
    begins = [row.effective_from for row in rows]
    ends = [row.effective_to for row in rows if row.effective_to is not None]
    ended = [each + ONE_DAY for each in ends if each < day]
    coming = [each - ONE_DAY for each in begins if each > day]
    first = max([*(each for each in begins if each <= day), *ended])
    return first, min([*(each for each in ends if each >= day), *coming], default=date.max)
