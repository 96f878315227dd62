"""A small writer of .xlsx workbooks (ECMA-376): typed cells, rows streamed in.

Text is stored as text, so that a cell beginning with `=` is never a formula; numbers and dates are
numbers and dates, so that they read right in every country. The same rows give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from io import BytesIO
from types import TracebackType
from typing import IO, Self
from xml.sax.saxutils import escape, quoteattr
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ROWS_MAX = 1_048_576
CELL_CHARACTERS_MAX = 32_767
"""Both are Excel's limits; it refuses a workbook beyond them."""

Cell = str | Decimal | date | None

_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LOOKS_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
"""Excel reads `_x0041_` in a text as `A`; such an underscore is written escaped itself."""
_DAY_ZERO = date(1899, 12, 30)

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_OFFICE = "http://schemas.openxmlformats.org"
_MAIN = f"{_OFFICE}/spreadsheetml/2006/main"
_LINKS = f"{_OFFICE}/officeDocument/2006/relationships"
_PACKAGE = f"{_OFFICE}/package/2006"
_SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"

_ROOT_LINKS = (
    f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
    f'Type="{_LINKS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)
_SHEETS = f"{_SHEET_TYPE}.worksheet+xml"
_PLAIN, _BOLD = 0, 1


class Sheet:
    """One sheet, written row by row onto a stream. `formats` gives each column's number format
    (Excel's codes); an empty one leaves the column to the cells. `first_style` is the number of the
    first of its cell styles among those of the workbook."""

    def __init__(
        self, stream: IO[bytes], widths: Sequence[int], formats: Sequence[str], first_style: int = 0
    ) -> None:
        self._stream = stream
        self._columns = len(formats)
        self._first_style = first_style
        self._stream.write(_sheet_opening(widths).encode())
        self.rows = 0
        """Written so far."""

    def add(self, cells: Sequence[Cell], *, bold: bool = False) -> None:
        """Append one row. Raises OverflowError beyond Excel's number of rows."""
        if self.rows == ROWS_MAX:
            raise OverflowError(f"a sheet has at most {ROWS_MAX} rows")
        self.rows += 1
        styles = self._styles_of(bold)
        parts = (_cell(cell, style) for cell, style in zip(cells, styles, strict=True))
        self._stream.write(f"<row>{''.join(parts)}</row>".encode())

    def finish(self) -> None:
        """Nothing can be added after it."""
        self._stream.write(b"</sheetData></worksheet>")

    def _styles_of(self, bold: bool) -> Sequence[int]:
        """Cell styles come in pairs per column: plain, bold."""
        weight = _BOLD if bold else _PLAIN
        return [self._first_style + 2 * column + weight for column in range(self._columns)]


class Workbook:
    """A workbook of one sheet, written row by row inside a `with`, packed while it is written."""

    def __init__(self, title: str, widths: Sequence[int], formats: Sequence[str]) -> None:
        self._buffer = BytesIO()
        self._zip = ZipFile(self._buffer, "w", ZIP_DEFLATED)
        for name, content in parts_of([title], formats):
            self._zip.writestr(entry(name), content)
        self._stream: IO[bytes] = self._zip.open(entry(sheet_part(1)), "w")
        self._sheet = Sheet(self._stream, widths, formats)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()
        self._zip.close()

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._buffer.tell()

    def add(self, cells: Sequence[Cell], *, bold: bool = False) -> None:
        """Append one row. Raises OverflowError beyond Excel's number of rows."""
        self._sheet.add(cells, bold=bold)

    def finish(self) -> bytes:
        """The whole file; nothing can be added after it."""
        self._sheet.finish()
        self._stream.close()
        self._zip.close()
        return self._buffer.getvalue()


def parts_of(titles: Sequence[str], formats: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Everything of a workbook but its sheets, by name of the part; `formats` are those of all
    columns, sheet by sheet."""
    yield "[Content_Types].xml", _content_types(len(titles))
    yield "_rels/.rels", _ROOT_LINKS
    yield "xl/workbook.xml", _workbook(titles)
    yield "xl/_rels/workbook.xml.rels", _book_links(len(titles))
    yield "xl/styles.xml", _styles(formats)


def sheet_part(number: int) -> str:
    return f"xl/worksheets/sheet{number}.xml"


def entry(name: str) -> ZipInfo:
    """An entry without a clock or a machine in it."""
    info = ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.compress_type, info.create_system, info.external_attr = ZIP_DEFLATED, 3, 0o644 << 16
    return info


def _cell(value: Cell, style: int) -> str:
    if value is None or value == "":
        return f'<c s="{style}"/>'
    if isinstance(value, Decimal):
        return f'<c s="{style}"><v>{value:f}</v></c>'
    if isinstance(value, date):
        return f'<c s="{style}"><v>{(value - _DAY_ZERO).days}</v></c>'
    return f'<c s="{style}" t="inlineStr"><is><t xml:space="preserve">{_text(value)}</t></is></c>'


def _text(value: str) -> str:
    clean = _LOOKS_ESCAPED.sub("_x005F_", _NO_XML.sub("\ufffd", value))
    return escape(clean[:CELL_CHARACTERS_MAX])


def _content_types(sheets: int) -> str:
    listed = "".join(
        f'<Override PartName="/{sheet_part(number)}" ContentType="{_SHEETS}"/>'
        for number in range(1, sheets + 1)
    )
    return (
        f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package'
        '.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_SHEET_TYPE}.sheet.main+xml"/>'
        f'{listed}<Override PartName="/xl/styles.xml" ContentType="{_SHEET_TYPE}.styles+xml"/>'
        "</Types>"
    )


def _book_links(sheets: int) -> str:
    """The styles come after the sheets, whose links have their numbers."""
    listed = "".join(
        f'<Relationship Id="rId{number}" Type="{_LINKS}/worksheet" '
        f'Target="worksheets/sheet{number}.xml"/>'
        for number in range(1, sheets + 1)
    )
    return (
        f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{listed}'
        f'<Relationship Id="rId{sheets + 1}" Type="{_LINKS}/styles" Target="styles.xml"/>'
        "</Relationships>"
    )


def _workbook(titles: Sequence[str]) -> str:
    # Excel refuses some characters in a sheet's name, and names over 31.
    names = [re.sub(r"[\[\]:*?/\\']", " ", title)[:31] for title in titles]
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{number}" r:id="rId{number}"/>'
        for number, name in enumerate(names, start=1)
    )
    return (
        f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_LINKS}"><sheets>{listed}</sheets></workbook>'
    )


def _styles(formats: Sequence[str]) -> str:
    """Fonts 0 plain, 1 bold; per column a plain and a bold cell style with its number format."""
    codes = "".join(
        f'<numFmt numFmtId="{164 + column}" formatCode={quoteattr(code or "General")}/>'
        for column, code in enumerate(formats)
    )
    styles = "".join(
        f'<xf numFmtId="{164 + column}" fontId="{font}" fillId="0" borderId="0" xfId="0" '
        'applyNumberFormat="1" applyFont="1"/>'
        for column in range(len(formats))
        for font in (_PLAIN, _BOLD)
    )
    font = '<sz val="10"/><name val="Arial"/>'
    return (
        f'{_HEAD}<styleSheet xmlns="{_MAIN}"><numFmts count="{len(formats)}">{codes}</numFmts>'
        f'<fonts count="2"><font>{font}</font><font><b/>{font}</font></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill></fills>'
        "<borders><border><left/><right/><top/><bottom/><diagonal/></border></borders>"
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/>'
        f'</cellStyleXfs><cellXfs count="{2 * len(formats)}">{styles}</cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
        "</styleSheet>"
    )


def _sheet_opening(widths: Sequence[int]) -> str:
    """The head row stays in sight; columns have widths in characters."""
    columns = "".join(
        f'<col min="{number}" max="{number}" width="{width}" customWidth="1"/>'
        for number, width in enumerate(widths, start=1)
    )
    return (
        f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView>'
        f"</sheetViews><cols>{columns}</cols><sheetData>"
    )
