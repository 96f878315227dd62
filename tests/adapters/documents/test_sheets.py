"""Workbooks of several sheets as a spreadsheet program reads them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from io import BytesIO

import pytest
from openpyxl import load_workbook

from adapters.documents import sheets
from adapters.documents.sheets import SheetsWorkbook


def written() -> bytes:
    """Two sheets whose rows are written in turns."""
    target = BytesIO()
    with SheetsWorkbook(target) as book:
        first = book.sheet("Days", [12, 10], ["yyyy-mm-dd", "0"])
        second = book.sheet("Sums: all", [20], ["#,##0.00"])
        first.add(["day", "number"], bold=True)
        second.add([Decimal("1.50")])
        first.add([date(2026, 3, 5), Decimal(7)])
        book.finish()
    return target.getvalue()


def test_each_sheet_has_its_own_rows_in_their_order() -> None:
    book = load_workbook(BytesIO(written()))
    assert book.sheetnames == ["Days", "Sums  all"]
    assert list(book["Days"].values) == [
        ("day", "number"),
        (datetime(2026, 3, 5), 7),  # noqa: DTZ001  # a spreadsheet's date has no zone
    ]
    assert list(book["Sums  all"].values) == [(1.5,)]


def test_each_column_keeps_its_format_and_weight() -> None:
    book = load_workbook(BytesIO(written()))
    assert [cell.number_format for cell in book["Days"][2]] == ["yyyy-mm-dd", "0"]
    assert book["Sums  all"]["A1"].number_format == "#,##0.00"
    assert [book["Days"]["A1"].font.b, book["Days"]["A2"].font.b] == [True, False]


def test_the_same_rows_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a sheet waits in memory or on disk."""
    in_memory = written()
    monkeypatch.setattr(sheets, "IN_MEMORY_MAX", 1)
    assert written() == in_memory
