"""`c2c report`: tables for people, JSON for machines, workbooks, and an exit code that can be
trusted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from openpyxl import load_workbook
from rich.console import Console
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.landscape import Landscape
from canonical.reports.head import ReportKind
from runtime.local.postgres import EmbeddedPostgres
from runtime.settings import Settings
from store.engine import create_engine
from tests.conftest import TEMPLATE
from tests.store.reports.firm import Firm
from tests.store.reports.sold import WEST, hourly
from tests.workers.conftest import Document, Shell, Told, local_document
from workers.reports import making, tables, workbook
from workers.reports.columns import Show
from workers.reports.grid import Grid
from workers.reports.layout import sections_of
from workers.reports.workbook import whole_file

AS_OF = ("--as-of", "2026-02-28")
TOLD = "told_for_reports"
_numbers = count(1)


@dataclass(frozen=True)
class Office:
    """The shell that reports on a firm's story."""

    shell: Shell

    async def report(self, *arguments: str) -> Told:
        told = await asyncio.to_thread(self.shell, "report", *arguments)
        assert "Traceback" not in told.err
        return told

    async def json(self, *arguments: str) -> Any:
        told = await self.report(*arguments, "--json")
        return json.loads(told.out)


def two_entities() -> Document:
    """The local landscape with a company in the United States."""
    document = local_document()
    (north,) = document["entities"]
    north["roles"] = {}
    north["taxes"].append({**north["taxes"][0], "code": "STD"})
    west = {"code": WEST, "country": "US", "currency": "USD", "time_zone": "America/New_York"}
    document["entities"].append({**north, **west})
    return document


@pytest_asyncio.fixture(scope="module")
async def told_once(postgres_cluster: EmbeddedPostgres) -> str:
    """A: 1,000.00 EUR billed and open, 300.00 ready. U0, U1, U2: 1.00 USD ready each."""
    await postgres_cluster.create_database(TOLD, template=TEMPLATE)
    engine = create_engine(postgres_cluster.sqlalchemy_url(TOLD), pool_size=2)
    firm = Firm(engine, Landscape.model_validate(two_entities()))
    sold = await firm.sell("A", hourly("100"), customer="[Falke] GmbH")
    await firm.work(sold, "t1", "2026-01-15", "10")
    await firm.bill_and_post(sold, "2026-01", "2026-02-03")
    await firm.work(sold, "t2", "2026-02-10", "3")
    await firm.close(sold, "2026-02", "2026-02-20")
    for number in range(3):
        usd = await firm.sell(f"U{number}", hourly("1"), entity=WEST, currency="USD")
        await firm.work(usd, f"u{number}", "2026-02-10", "1")
        await firm.close(usd, "2026-02", "2026-02-20")
    await engine.dispose()
    return TOLD


@pytest_asyncio.fixture
async def database_url(postgres_cluster: EmbeddedPostgres, told_once: str) -> AsyncIterator[str]:
    """A copy of the story's database for each test."""
    name = f"report_{next(_numbers)}"
    await postgres_cluster.create_database(name, template=told_once)
    yield postgres_cluster.sqlalchemy_url(name)
    await postgres_cluster.drop_database(name)


@pytest.fixture
def office(at_home: Shell, settings: Settings) -> Office:
    settings.landscape_path.write_text(json.dumps(two_entities()))
    return Office(at_home)


@pytest.mark.parametrize("kind", [each.value for each in ReportKind])
async def test_each_report_says_what_it_is_of_and_that_it_is_proven(
    office: Office, kind: str
) -> None:
    told = await office.report(kind, *AS_OF)
    assert told.code == 0
    said = " ".join(told.out.split())
    assert "of all legal entities as of 2026-02-28, made 20" in said
    assert "every journal with a posting date up to that day" in said
    assert "All of it is proven." in said


async def test_tables_show_rows_totals_and_the_equation(office: Office) -> None:
    told = await office.report("ar", *AS_OF)
    for words in ("[Falke]", "A-2026-01-1-1", "1,190.00", "not due", "1100"):
        assert words in told.out
    assert "Unapplied cash: none" in told.out


def test_figures_and_codes_are_never_cut_however_narrow_the_terminal() -> None:
    grid = Grid("Figures")
    for label, show in (("client", Show.TEXT), ("invoice", Show.CODE), ("open", Show.MONEY)):
        grid.column(label, show)
    grid.row("A client of a very long name", "A-2026-01-1-1", "1,190,000.00")
    grid.print(console := Console(width=20, file=StringIO(), record=True))
    told = console.export_text()
    assert "A-2026-01-1-1   1,190,000.00" in told
    assert "A client of" in told


def test_columns_without_a_word_or_figure_are_left_out() -> None:
    grid = Grid("Figures")
    grid.column("full", Show.MONEY)
    grid.column("empty", Show.MONEY)
    grid.row("1.00", "")
    grid.print(console := Console(width=80, file=StringIO(), record=True))
    told = console.export_text()
    assert "full" in told
    assert "empty" not in told


async def test_a_machine_gets_amounts_as_texts(office: Office) -> None:
    found = await office.json("position", *AS_OF, "--entity", "NORTH-DE")
    (row,) = found["rows"]
    assert (row["project"], row["position"]["asset"], row["position"]["difference"]) == (
        "A",
        "300.00",
        "0.00",
    )
    assert (found["head"]["as_of"], found["head"]["legal_entity"]) == ("2026-02-28", "NORTH-DE")
    assert (found["holds"], found["broken"]) == (True, [])
    assert {proof["currency"] for proof in found["proofs"]} == {"EUR"}


async def test_detail_lists_the_parts_of_work(office: Office) -> None:
    plain = await office.json("wip", *AS_OF, "--entity", "NORTH-DE")
    detail = await office.json("wip", *AS_OF, "--entity", "NORTH-DE", "--detail")
    assert plain["rows"][0]["parts"] == []
    assert [part["entry"] for part in detail["rows"][0]["parts"]] == ["psa/time/t2"]


async def test_books_are_told_by_a_later_day_when_that_is_asked(office: Office) -> None:
    early = await office.json("wip", "--as-of", "2026-02-10", "--entity", "NORTH-DE")
    late = await office.json(
        "wip", "--as-of", "2026-02-10", "--told-by", "2026-02-20", "--entity", "NORTH-DE"
    )
    assert early["head"]["told_by"] == "2026-02-10"
    assert [early["rows"][0]["ready"], late["rows"][0]["ready"]] == ["0", "300.00"]


async def test_a_group_sees_each_row_translated_and_what_rounding_left(office: Office) -> None:
    """Three rows of 1 USD are 0.92 EUR each, 2.75 EUR together."""
    told = await office.json("position", *AS_OF, "--group", "EUR", "--rate", "USD/EUR=0.915")
    assert [row["group"]["net"] for row in told["rows"]] == ["300.00", "0.92", "0.92", "0.92"]
    totals = {each["legal_entity"]: each for each in told["totals"]}
    assert (totals[WEST]["group"]["net"], totals[WEST]["rounding"]["net"]) == ("2.76", "0.01")
    assert totals[""]["group"]["net"] == "302.76"
    assert "1 USD = 0.915 EUR" in told["head"]["meaning"][-1]


async def test_a_group_is_a_column_of_the_tables(office: Office) -> None:
    told = await office.report("position", *AS_OF, "--group", "EUR", "--rate", "USD/EUR=0.915")
    for words in ("302.76", "rounding", "0.01"):
        assert words in told.out


async def test_a_rate_that_is_missing_is_named_with_its_option_and_nothing_is_shown(
    office: Office,
) -> None:
    told = await office.report("position", *AS_OF, "--group", "EUR", "--json")
    assert (told.code, told.out) == (1, "")
    assert "no rate for USD/EUR was stated" in told.err
    assert "--rate USD/EUR=0.91" in told.err


WRONG = {
    "no day": (["position"], "--as-of"),
    "no such day": (["position", "--as-of", "2026-02-30"], "2026-02-30"),
    "rate without a group": (["position", *AS_OF, "--rate", "USD/EUR=1"], "name it too"),
    "rate of another group": (
        ["position", *AS_OF, "--group", "EUR", "--rate", "USD/GBP=1"],
        "says nothing about EUR",
    ),
    "rate of nothing": (["position", *AS_OF, "--group", "EUR", "--rate", "USD/EUR=x"], "no rate"),
    "rate below zero": (["position", *AS_OF, "--group", "EUR", "--rate", "USD/EUR=-1"], "no rate"),
    "two rates": (
        ["position", *AS_OF, "--group", "EUR", "--rate", "USD/EUR=1", "--rate", "USD/EUR=2"],
        "two rates",
    ),
    "no such currency": (["position", *AS_OF, "--group", "EURO"], "ISO 4217"),
    "another kind of file": (["position", *AS_OF, "--xlsx", "x.csv"], ".xlsx"),
    "no such folder": (["position", *AS_OF, "--xlsx", "/nowhere/x.xlsx"], "no folder /nowhere"),
}


@pytest.mark.parametrize(("arguments", "words"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_meant_is_refused(c2c: Shell, arguments: list[str], words: str) -> None:
    told = c2c("report", *arguments)
    assert told.code == 2
    assert words in told.err


async def test_an_entity_that_is_not_there_is_refused_with_those_that_are(office: Office) -> None:
    told = await office.report("wip", *AS_OF, "--entity", "EAST")
    assert told.code == 1
    assert "it has NORTH-DE, WEST-US" in told.err


async def test_a_changed_row_makes_the_exit_code_one_and_is_named(
    office: Office, engine: AsyncEngine
) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE journal_line DISABLE TRIGGER ALL"))
        await connection.execute(
            text("UPDATE journal_line SET amount = amount + 0.001 WHERE account = '1200'")
        )
    told = await office.report("position", *AS_OF, "--entity", "NORTH-DE")
    assert told.code == 1
    assert "do not hold" in told.out
    assert "0.003" in told.out or "0.001" in told.out
    assert (await office.json("position", *AS_OF))["holds"] is False


async def test_a_workbook_has_numbers_dates_and_the_proof(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "ar.xlsx"
    told = await office.report("ar", *AS_OF, "--xlsx", str(path))
    assert (told.code, f"written: {path}" in told.err) == (0, True)
    book = load_workbook(path)
    assert book.sheetnames == ["Open items", "Unapplied cash", "Totals", "Proof"]
    head, row = list(book["Open items"].values)
    cells = dict(zip(head, row, strict=True))
    assert (cells["customer"], cells["open"]) == ("[Falke] GmbH", 1190)
    assert cells["due"] == datetime(2026, 3, 5)  # noqa: DTZ001  # a spreadsheet's date has no zone
    proof = [row for row in book["Proof"].values if row[0] and "1100" in str(row[0])]
    assert ("account 1100", 1190) in {(row[6], row[7]) for row in proof}
    assert {row[9] for row in proof} - {None} == {"yes"}


async def test_a_workbook_of_work_has_a_sheet_per_table(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "wip.xlsx"
    await office.report("wip", *AS_OF, "--detail", "--xlsx", str(path), "--group", "USD")
    assert not path.exists()
    rates = ("--group", "USD", "--rate", "EUR/USD=1.1")
    await office.report("wip", *AS_OF, "--detail", "--xlsx", str(path), *rates)
    book = load_workbook(path)
    assert book.sheetnames == ["WIP", "Parts by state", "Parts", "Totals", "Proof"]
    head, row, *_ = list(book["WIP"].values)
    cells = dict(zip(head, row, strict=True))
    assert (cells["ready"], cells["net USD"]) == (300, 330)
    assert [row[5] for row in book["Parts"].values][1] == "psa/time/t2"


async def test_a_sheet_beyond_its_limit_says_what_is_missing(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "SHEET_ROWS_MAX", 2)
    path = tmp_path / "position.xlsx"
    await office.report("position", *AS_OF, "--xlsx", str(path))
    rows = list(load_workbook(path)["Positions"].values)
    assert len(rows) == 4
    assert rows[-1][0] == "2 more of 4 rows: use --json, or --entity"


async def test_a_long_report_says_how_far_it_is_where_it_does_not_disturb(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "PROGRESS_EVERY_S", 0)
    told = await office.report("wip", *AS_OF, "--json")
    assert "4 of 4 contracts" in told.err
    assert json.loads(told.out)["holds"] is True


async def test_a_terminal_beyond_its_limit_says_what_is_missing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "ROWS_SHOWN_MAX", 1)
    told = await office.report("position", *AS_OF)
    assert "3 more of 4 rows are not shown here" in told.out


def die_in_the_middle(path: Path) -> None:
    with whole_file(path) as stream:
        stream.write(b"half")
        raise RuntimeError("killed")


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "report.xlsx"
    path.write_bytes(b"before")

    with pytest.raises(RuntimeError, match="killed"):
        die_in_the_middle(path)
    assert path.read_bytes() == b"before"
    with whole_file(path) as stream:
        stream.write(b"whole")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [
        ("report.xlsx", b"whole")
    ]


@pytest.mark.parametrize("kind", ReportKind)
def test_sheets_of_a_report_have_names_of_their_own(kind: ReportKind) -> None:
    titles = [each.title for each in sections_of(kind, detail=True)]
    assert len({*titles, "Totals", "Proof"}) == len(titles) + 2
    assert all(len(title) <= 31 for title in titles)
