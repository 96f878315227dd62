"""What tests look at of a report."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar

from canonical.reports.head import ReportKind
from canonical.reports.rows import ReportRow
from tests.store.reports.firm import Firm

Row = TypeVar("Row", bound=ReportRow)


def plain(*amounts: Decimal) -> tuple[str, ...]:
    """With two digits, so that 0 and 0.00 are one."""
    return tuple(f"{each + Decimal(0):.2f}" for each in amounts)


def fig(text: str) -> tuple[str, ...]:
    """Figures as a test writes them: `1000 0 62.50`."""
    return plain(*map(Decimal, text.split()))


async def proven(
    firm: Firm,
    kind: ReportKind,
    row: type[Row],
    as_of: str,
    *,
    told_by: str = "",
    entity: str = "",
    detail: bool = False,
) -> list[Row]:
    """The rows of one sort of a report all of whose equations hold."""
    rows, proofs = await firm.report(kind, as_of, told_by=told_by, entity=entity, detail=detail)
    assert proofs.broken == []
    assert proofs.sums
    return [each for each in rows if isinstance(each, row)]
