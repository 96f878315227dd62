"""Time and materials: approved hours at the rate of their role on the WORK date (convention 7)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from canonical.contract import ContractVersion, TimeAndMaterialsLine
from canonical.rules.multipliers import ONE, segments
from canonical.rules.pricing import Price, Work
from canonical.rules.rate_precedence import RateBook, Resolved
from canonical.terms.policies import Multipliers, RateLevel

METHOD = "time_and_materials"


def prices(
    line: TimeAndMaterialsLine, version: ContractVersion, works: Sequence[Work]
) -> list[Price]:
    """The portions of each entry at their rates. `works` come in the order in which the hours of a
    day count towards overtime, and hold whole days.

    Raises RateMissing for a role or date that no rate row covers.
    """
    book = RateBook(line.line_id, line.rates)
    if version.multipliers is not None:
        return _with_multipliers(book, version.multipliers, works)
    return [
        Price(
            work,
            1,
            work.quantity,
            (found := book.resolve(work.person, work.role, work.work_date, work.id)).row.rate,
            found.row.row,
            tuple(row.row for row in found.beaten) if found.beaten else (),
            _label(found, work),
        )
        for work in works
    ]


def _with_multipliers(book: RateBook, policy: Multipliers, works: Sequence[Work]) -> list[Price]:
    worked: dict[tuple[str, date], Decimal] = {}
    found: list[Price] = []
    for work in works:
        day = (work.person, work.work_date)
        before = work.hours_before
        if before is None:
            before = worked.get(day, Decimal(0))
        worked[day] = before + work.quantity
        resolved = book.resolve(work.person, work.role, work.work_date, work.id)
        for number, part in enumerate(
            segments(policy, work.quantity, before, work.work_date), start=1
        ):
            plain = part.factor == ONE
            found.append(
                Price(
                    work,
                    number,
                    part.quantity,
                    resolved.row.rate * part.factor,
                    resolved.row.row if plain else f"{resolved.row.row} x{part.factor}",
                    tuple(row.row for row in resolved.beaten),
                    f"{_label(resolved, work)} {part.label}".rstrip(),
                )
            )
    return found


def _label(resolved: Resolved, work: Work) -> str:
    personal = resolved.row.level is RateLevel.PERSON
    return work.person if personal else work.role or work.person
