"""Workbooks of several sheets, which may be written in turns: each waits on disk for its place."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import IO, Self
from zipfile import ZIP_DEFLATED, ZipFile

from adapters.documents.spreadsheet import Sheet, entry, parts_of, sheet_part

IN_MEMORY_MAX = 1_000_000
"""Bytes of one sheet that are kept in memory; more go to a temporary file."""


class SheetsWorkbook:
    """Sheets in the order in which they are named; inside a `with`, `finish` writes the file."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self._titles: list[str] = []
        self._formats: list[str] = []
        self._sheets: list[tuple[Sheet, IO[bytes]]] = []
        self._spools = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._spools.close()

    def sheet(self, title: str, widths: Sequence[int], formats: Sequence[str]) -> Sheet:
        """A new sheet after all others."""
        spool: IO[bytes] = SpooledTemporaryFile(IN_MEMORY_MAX)  # noqa: SIM115 - the stack closes it
        self._spools.callback(spool.close)
        added = Sheet(spool, widths, formats, first_style=2 * len(self._formats))
        self._titles.append(title)
        self._formats += formats
        self._sheets.append((added, spool))
        return added

    def finish(self) -> None:
        """Write everything to the target; nothing can be added after it."""
        with ZipFile(self._target, "w", ZIP_DEFLATED) as packed:
            for name, content in parts_of(self._titles, self._formats):
                packed.writestr(entry(name), content)
            for number, (sheet, spool) in enumerate(self._sheets, start=1):
                sheet.finish()
                spool.seek(0)
                with packed.open(entry(sheet_part(number)), "w") as part:
                    shutil.copyfileobj(spool, part)
