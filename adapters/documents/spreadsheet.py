"""A small writer of .xlsx workbooks (ECMA-376): one sheet, typed cells, rows streamed in.

Text is stored as text, so that a cell beginning with `=` is never a formula; numbers and dates are
numbers and dates, so that they read right in every country. The same rows give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
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

_CONTENT_TYPES = (
    f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships'
    '+xml"/><Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_SHEET_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_SHEET_TYPE}.worksheet+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_SHEET_TYPE}.styles+xml"/></Types>'
)
_ROOT_LINKS = (
    f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
    f'Type="{_LINKS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)
_BOOK_LINKS = (
    f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_LINKS}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_LINKS}/styles" Target="styles.xml"/></Relationships>'
)
_PLAIN, _BOLD = 0, 1


class Workbook:
    """One sheet, written row by row inside a `with`. `formats` gives each column's number format
    (Excel's codes); an empty one leaves the column to the cells."""

    def __init__(self, title: str, widths: Sequence[int], formats: Sequence[str]) -> None:
        self._buffer = BytesIO()
        self._zip = ZipFile(self._buffer, "w", ZIP_DEFLATED)
        self._formats = tuple(formats)
        for name, text in (
            ("[Content_Types].xml", _CONTENT_TYPES),
            ("_rels/.rels", _ROOT_LINKS),
            ("xl/workbook.xml", _workbook(title)),
            ("xl/_rels/workbook.xml.rels", _BOOK_LINKS),
            ("xl/styles.xml", _styles(self._formats)),
        ):
            self._zip.writestr(_entry(name), text)
        self._sheet: IO[bytes] = self._zip.open(_entry("xl/worksheets/sheet1.xml"), "w")
        self._sheet.write(_sheet_opening(widths).encode())
        self._rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sheet.close()
        self._zip.close()

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._buffer.tell()

    def add(self, cells: Sequence[Cell], *, bold: bool = False) -> None:
        """Append one row. Raises OverflowError beyond Excel's number of rows."""
        if self._rows == ROWS_MAX:
            raise OverflowError(f"a sheet has at most {ROWS_MAX} rows")
        self._rows += 1
        styles = self._styles_of(bold)
        parts = (_cell(cell, style) for cell, style in zip(cells, styles, strict=True))
        self._sheet.write(f"<row>{''.join(parts)}</row>".encode())

    def finish(self) -> bytes:
        """The whole file; nothing can be added after it."""
        self._sheet.write(b"</sheetData></worksheet>")
        self._sheet.close()
        self._zip.close()
        return self._buffer.getvalue()

    def _styles_of(self, bold: bool) -> Sequence[int]:
        """Cell styles come in pairs per column: plain, bold."""
        return [2 * column + (_BOLD if bold else _PLAIN) for column in range(len(self._formats))]


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


def _entry(name: str) -> ZipInfo:
    """An entry without a clock or a machine in it."""
    info = ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.compress_type, info.create_system, info.external_attr = ZIP_DEFLATED, 3, 0o644 << 16
    return info


def _workbook(title: str) -> str:
    # Excel refuses some characters in a sheet's name, and names over 31.
    name = re.sub(r"[\[\]:*?/\\']", " ", title)[:31]
    return (
        f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_LINKS}"><sheets>'
        f'<sheet name={quoteattr(name)} sheetId="1" r:id="rId1"/></sheets></workbook>'
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
