"""What a report is shown by: each view is told the head, then every row, then how it ends."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from canonical.reports.head import ReportHead
from canonical.reports.proofs import ProofSheet
from canonical.reports.rows import ReportRow
from canonical.reports.totals import Total


class Ending(NamedTuple):
    """What is known once all rows went by."""

    totals: list[Total]
    proofs: ProofSheet


class View(Protocol):
    def begin(self, head: ReportHead) -> None: ...

    def row(self, row: ReportRow) -> None: ...

    def end(self, ending: Ending) -> None: ...
