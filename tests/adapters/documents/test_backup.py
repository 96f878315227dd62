"""The backup as a spreadsheet program reads it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from io import BytesIO
from zipfile import ZipFile

import pytest

from adapters.documents.spreadsheet import CELL_CHARACTERS_MAX, Workbook
from canonical.errors import DataRejected, RuleViolation
from tests.adapters.documents.reading import backup_rows, cells_of, render, rows_of
from tests.canonical.builders import make_client, make_entry, make_expense
from tests.folding import Item

WORK: list[Item] = [
    make_entry("7.50"),
    make_entry("0.33", "2026-03-31"),
    make_expense("180.00"),
]


async def test_each_transaction_has_its_row_with_dates_and_numbers_as_such() -> None:
    head, first, *_ = cells_of(await render(WORK))
    assert head[0] == "Datum"
    assert head[-1] == "Betrag (EUR)"
    assert first == (
        datetime(2026, 3, 10),  # noqa: DTZ001  # a spreadsheet's date has no zone
        "Ada Becker",
        "Senior Consultant",
        "Analysis",
        7.5,
        "h",
        180,
        1350,
    )


async def test_sums_stand_below_by_unit_and_end_with_the_net_of_the_invoice() -> None:
    sums = [(row[0], row[4], row[7]) for row in cells_of(await render(WORK))[-3:]]
    assert sums == [
        ("Summe h", 7.83, 1414.35),
        ("Summe pc", 1, 189),
        ("Summe netto", None, 1603.35),
    ]


async def test_a_backup_that_contradicts_its_invoice_is_not_made() -> None:
    with pytest.raises(RuleViolation, match=r"1,414\.35 EUR.*1,603\.35 EUR"):
        await render(WORK, rows=backup_rows(WORK)[:-1])


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "<b>&", "a\nb", "ÄŁ€"])
async def test_text_is_text_whatever_it_looks_like(text: str) -> None:
    rows = backup_rows(WORK, text)
    cell = rows_of(await render(WORK, rows=rows))[1][3]
    assert (cell.value, cell.data_type) == (text, "s")


async def test_characters_that_xml_cannot_hold_do_not_break_the_file() -> None:
    rows = backup_rows(WORK, "a\x00b\x1b" + "c" * 40_000)
    value = cells_of(await render(WORK, rows=rows))[1][3]
    assert isinstance(value, str)
    assert value.startswith("a\ufffdb\ufffdccc")
    assert len(value) == CELL_CHARACTERS_MAX


async def test_words_of_the_backup_follow_the_client() -> None:
    files = await render(WORK, client=make_client(country="GB", vat_id=""))
    assert cells_of(files)[0][0] == "Date"
    assert files[1].name == "Invoice-RE-2026-0042-Detail.xlsx"


async def test_files_that_a_mail_cannot_carry_are_refused_with_their_size() -> None:
    with pytest.raises(DataRejected, match="RE-2026-0042 are larger than a mail may be") as refused:
        await render(WORK, bytes_max=10_000)
    assert refused.value.fields == ("backup",)


async def test_a_backup_stops_being_made_when_it_is_too_large() -> None:
    texts = [sha256(bytes([number])).hexdigest() * 2 for number in range(256)]
    rows = [row for text in texts for row in backup_rows(WORK, text)]
    with pytest.raises(DataRejected, match="bytes after"):
        await render(WORK, rows=rows, bytes_max=10_000)


def test_a_sheet_has_no_more_rows_than_a_reader_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.documents.spreadsheet.ROWS_MAX", 2)
    with Workbook("Detail", widths=[10], formats=[""]) as book:
        book.add(["one"])
        book.add([Decimal(2)])
        with pytest.raises(OverflowError, match="at most 2 rows"):
            book.add(["three"])


def test_a_text_that_looks_like_an_escaped_character_stays_as_it_is() -> None:
    with Workbook("Detail", widths=[10], formats=[""]) as book:
        book.add(["_x0041_"])
        content = book.finish()
    with ZipFile(BytesIO(content)) as parts:
        assert "_x005F_x0041_" in parts.read("xl/worksheets/sheet1.xml").decode()
