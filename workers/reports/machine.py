"""Reports for machines: one JSON document, written while the rows go by.

Amounts are texts: a machine must not make floats of money either.
"""

from __future__ import annotations

from collections.abc import Callable

from pydantic import TypeAdapter

from canonical.reports.head import ReportHead
from canonical.reports.proofs import Proof
from canonical.reports.rows import ReportRow
from canonical.reports.totals import Total
from workers.reports.views import Ending

_TOTALS: TypeAdapter[list[Total]] = TypeAdapter(list[Total])
_PROOFS: TypeAdapter[list[Proof]] = TypeAdapter(list[Proof])


class JsonView:
    """`write` is given pieces of text that make up the document."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._rows = 0

    def begin(self, head: ReportHead) -> None:
        self._write(f'{{"head": {head.model_dump_json()},\n"rows": [')

    def row(self, row: ReportRow) -> None:
        self._write(f"{',' if self._rows else ''}\n{row.model_dump_json()}")
        self._rows += 1

    def end(self, ending: Ending) -> None:
        proofs = ending.proofs
        parts = {
            "totals": _TOTALS.dump_json(ending.totals).decode(),
            "proofs": _PROOFS.dump_json(proofs.sums).decode(),
            "broken": _PROOFS.dump_json(proofs.broken).decode(),
            "broken_count": str(proofs.broken_count),
            "holds": "true" if proofs.holds else "false",
        }
        told = ",\n".join(f'"{name}": {value}' for name, value in parts.items())
        self._write(f"\n],\n{told}}}\n")
