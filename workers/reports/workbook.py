"""Reports as workbooks: real numbers and dates, a sheet per table, the totals and the proof."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import IO, Final

from adapters.documents.sheets import SheetsWorkbook
from adapters.documents.spreadsheet import Cell as SheetCell
from adapters.documents.spreadsheet import Sheet
from canonical.reports.head import ReportHead
from canonical.reports.proofs import Proof, ProofSheet
from canonical.reports.rows import ReportRow
from canonical.reports.totals import Total
from workers.reports.columns import Cell, Section, Show
from workers.reports.layout import Line, lines_of, sections_of
from workers.reports.views import Ending

SHEET_ROWS_MAX: Final = 100_000
"""Of one sheet; Excel itself takes ten times as many."""

_MONEY: Final = "#,##0.00##;[Red]-#,##0.00##"
_FORMATS: Final = {
    Show.TEXT: "",
    Show.CODE: "",
    Show.DATE: "yyyy-mm-dd",
    Show.COUNT: "0",
    Show.QUANTITY: "#,##0.00##",
    Show.MONEY: _MONEY,
}
_WIDTHS: Final = {
    Show.TEXT: 18,
    Show.CODE: 14,
    Show.DATE: 11,
    Show.COUNT: 8,
    Show.QUANTITY: 12,
    Show.MONEY: 15,
}


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears at `path` complete or not at all: an error leaves what was there.

    Raises FileNotFoundError for a folder that does not exist.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


class WorkbookView:
    """Writes into an open workbook; what is over a sheet's limit is counted and said."""

    def __init__(self, book: SheetsWorkbook, *, detail: bool) -> None:
        self._book, self._detail = book, detail
        self._sheets: dict[str, Sheet] = {}
        self._counts: dict[str, int] = {}

    def begin(self, head: ReportHead) -> None:
        self._head = head
        for section in sections_of(head.kind, detail=self._detail):
            self._open(section)

    def _open(self, section: Section) -> None:
        shows = [each.show for each in section.columns] + [Show.MONEY] * len(self._group(section))
        sheet = self._book.sheet(
            section.title, [_WIDTHS[each] for each in shows], [_FORMATS[each] for each in shows]
        )
        labels = [each.label for each in section.columns]
        sheet.add([*labels, *self._group(section)], bold=True)
        self._sheets[section.title] = sheet

    def _group(self, section: Section) -> list[str]:
        """The labels of the columns in the group's currency."""
        group = self._head.group
        return [] if group is None else [f"{name} {group.currency}" for name in section.group]

    def row(self, row: ReportRow) -> None:
        for section, line in lines_of(row):
            count = self._counts[section.title] = self._counts.get(section.title, 0) + 1
            if count <= SHEET_ROWS_MAX:
                self._sheets[section.title].add(self._cells(section, line))

    def _cells(self, section: Section, line: Line) -> list[SheetCell]:
        cells = [_sheet_cell(column.value(line)) for column in section.columns]
        if self._head.group is not None:
            cells += [line.group.get(name) for name in section.group]
        return cells

    def end(self, ending: Ending) -> None:
        for title, count in self._counts.items():
            if count > SHEET_ROWS_MAX:
                self._say_cut(title, count)
        _totals(self._book, ending.totals)
        _proof(self._book, self._head, ending.proofs)
        self._book.finish()

    def _say_cut(self, title: str, count: int) -> None:
        section = next(
            each
            for each in sections_of(self._head.kind, detail=self._detail)
            if each.title == title
        )
        width = len(section.columns) + len(self._group(section))
        sentence = f"{count - SHEET_ROWS_MAX} more of {count} rows: use --json, or --entity"
        self._sheets[title].add([sentence, *[None] * (width - 1)], bold=True)


def _sheet_cell(value: Cell) -> SheetCell:
    return Decimal(value) if isinstance(value, int) else value


_TOTAL_COLUMNS: Final = (
    ("entity", Show.TEXT),
    ("of", Show.TEXT),
    ("what", Show.TEXT),
    ("currency", Show.TEXT),
    ("amount", Show.MONEY),
    ("in the group's currency", Show.MONEY),
    ("rounding of the rows", Show.MONEY),
)
_PROOF_COLUMNS: Final = (
    ("equation", Show.TEXT),
    ("entity", Show.TEXT),
    ("about", Show.TEXT),
    ("currency", Show.TEXT),
    ("left", Show.TEXT),
    ("amount", Show.MONEY),
    ("right", Show.TEXT),
    ("amount", Show.MONEY),
    ("difference", Show.MONEY),
    ("holds", Show.TEXT),
)


def _added(
    book: SheetsWorkbook, title: str, columns: Sequence[tuple[str, Show]], first_width: int
) -> Sheet:
    widths = [first_width, *(_WIDTHS[show] for _, show in columns[1:])]
    sheet = book.sheet(title, widths, [_FORMATS[show] for _, show in columns])
    sheet.add([label for label, _ in columns], bold=True)
    return sheet


def _totals(book: SheetsWorkbook, totals: Sequence[Total]) -> None:
    sheet = _added(book, "Totals", _TOTAL_COLUMNS, _WIDTHS[Show.TEXT])
    for total in totals:
        of = "invoices" if total.of_documents else "ledger"
        for name, amount in total.amounts.items():
            sheet.add(
                [
                    total.legal_entity or "group",
                    f"{of} {total.label}".rstrip(),
                    name,
                    total.currency,
                    amount,
                    total.group.get(name),
                    total.rounding.get(name),
                ]
            )


def _proof(book: SheetsWorkbook, head: ReportHead, proofs: ProofSheet) -> None:
    """What the report says of itself, its equations with their sides, and each that is broken."""
    sheet = _added(book, "Proof", _PROOF_COLUMNS, 60)
    _add_words(sheet, head.title, f"{head.as_of}")
    _add_words(sheet, "books told by", f"{head.told_by}")
    _add_words(sheet, "made at (UTC)", f"{head.made_at:%Y-%m-%d %H:%M}")
    _add_words(sheet, "legal entity", head.legal_entity or "all")
    for sentence in head.meaning:
        _add_words(sheet, sentence)
    for proof in proofs.sums:
        _add_proof(sheet, proof, f"{proof.subjects} together")
    if not proofs.holds:
        _add_words(sheet, f"{proofs.broken_count} equations do not hold:")
    for proof in proofs.broken:
        _add_proof(sheet, proof, proof.subject)


def _add_words(sheet: Sheet, words: str, beside: str = "") -> None:
    sheet.add([words, beside, *[None] * (len(_PROOF_COLUMNS) - 2)])


def _add_proof(sheet: Sheet, proof: Proof, about: str) -> None:
    """One row per pair of sides; the last one has the difference."""
    for number in range(max(len(proof.left), len(proof.right))):
        left = proof.left[number] if number < len(proof.left) else None
        right = proof.right[number] if number < len(proof.right) else None
        sheet.add(
            [
                proof.equation,
                proof.legal_entity,
                about,
                proof.currency,
                left.what if left else None,
                left.amount if left else None,
                right.what if right else None,
                right.amount if right else None,
                None,
                None,
            ]
        )
    held = "yes" if proof.holds else f"NO {proof.detail}".rstrip()
    heading: list[SheetCell] = [proof.equation, proof.legal_entity, about, proof.currency]
    sheet.add([*heading, None, None, None, None, proof.difference, held], bold=True)
