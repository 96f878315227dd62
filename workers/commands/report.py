"""Reports of finance, each tied to the ledger: `c2c report wip|ar|position|revenue|retention`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import ValidationError
from rich.console import Console

from adapters.documents.sheets import SheetsWorkbook
from canonical.reports.group import GroupCurrency
from canonical.reports.head import ReportKind
from runtime.settings import Settings
from store.reports.reports import ReportStore
from workers.commands.common import out, run, settings_with_logs
from workers.reports.machine import JsonView
from workers.reports.making import Request, make
from workers.reports.tables import TableView
from workers.reports.views import View
from workers.reports.workbook import WorkbookView, whole_file
from workers.wiring import unclaimed_house, utc_now

DAY: Final = ["%Y-%m-%d"]

AsOf = Annotated[
    datetime,
    typer.Option(
        "--as-of", formats=DAY, help="The day: every journal with a posting date up to it counts."
    ),
]
Entity = Annotated[
    str, typer.Option("--entity", help="One legal entity, such as NORTH-DE; default: all.")
]
Group = Annotated[
    str,
    typer.Option(
        "--group", help="A currency for all entities, such as EUR; state its rates with --rate."
    ),
]
Rates = Annotated[
    list[str] | None,
    typer.Option(
        "--rate", help="A rate for --group, such as USD/EUR=0.91: 1 USD is 0.91 EUR. Repeat it."
    ),
]
Xlsx = Annotated[
    Path | None,
    typer.Option(
        "--xlsx",
        help="Write a workbook too: numbers and dates as such, a sheet per table (at most 100,000 "
        "rows each), the totals and the proof.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document, for machines.")]

report = typer.Typer(
    help="Reports as of a day, each tied to the ledger by equations that are shown. Leaves with 1 "
    "when one does not hold.",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    app.add_typer(report, name="report")


@report.command()
def position(
    as_of: AsOf,
    entity: Entity = "",
    group: Group = "",
    rate: Rates = None,
    xlsx: Xlsx = None,
    as_json: AsJson = False,
) -> None:
    """Contract positions: asset (1200), retention (1250), liability (2200), revenue and billed to
    date, and the difference that must be 0.

    It proves 1200 + 1250 - 2200 = revenue net of 4900 - net billed without disbursements, contract
    by contract, in the ledger's currency and in that of the invoices.
    """
    _report(_request(ReportKind.POSITION, as_of, entity, group, rate), xlsx, as_json=as_json)


@report.command()
def ar(
    as_of: AsOf,
    entity: Entity = "",
    group: Group = "",
    rate: Rates = None,
    xlsx: Xlsx = None,
    as_json: AsJson = False,
) -> None:
    """Receivables: open items by customer and invoice, with due date, age and what is disputed;
    unapplied cash (2400) and revaluation (1190, 2490) beside.

    It proves that the open items add up to the control account 1100, and that documents were
    posted with their gross.
    """
    _report(_request(ReportKind.RECEIVABLES, as_of, entity, group, rate), xlsx, as_json=as_json)


@report.command()
def wip(
    as_of: AsOf,
    told_by: Annotated[
        datetime | None,
        typer.Option(
            "--told-by",
            formats=DAY,
            help="Show parts as the books knew them at the end of this day; default: --as-of. "
            "For a month that was closed later, name the day of the close.",
        ),
    ] = None,
    detail: Annotated[bool, typer.Option("--detail", help="List every part.")] = False,
    entity: Entity = "",
    group: Group = "",
    rate: Rates = None,
    xlsx: Xlsx = None,
    as_json: AsJson = False,
) -> None:
    """Unbilled work: what is earned and not billed (ready, on drafts, under review, fees earned,
    submitted time accrued), what is billed in advance; what is held, and why, beside the total.

    It tells the books of every contract again and proves that their parts are 1200 less 2200 of
    the journals; what was told after that day, or is posted after --as-of, has its own column.
    """
    request = _request(ReportKind.WIP, as_of, entity, group, rate)
    known = (told_by or as_of).date()
    _report(request._replace(told_by=known, detail=detail), xlsx, as_json=as_json)


@report.command()
def revenue(
    as_of: AsOf,
    entity: Entity = "",
    group: Group = "",
    rate: Rates = None,
    xlsx: Xlsx = None,
    as_json: AsJson = False,
) -> None:
    """Revenue by contract and account (4000, 4010, 4900, 5900): month, calendar year and to date;
    what was posted for an earlier service period; fixed fees at their last close.

    It proves that the rows are the accounts, and that revenue is billing plus position.
    """
    _report(_request(ReportKind.REVENUE, as_of, entity, group, rate), xlsx, as_json=as_json)


@report.command()
def retention(
    as_of: AsOf,
    entity: Entity = "",
    group: Group = "",
    rate: Rates = None,
    xlsx: Xlsx = None,
    as_json: AsJson = False,
) -> None:
    """Retentions by contract, customer and milestone: retained, released, open, since when.

    It proves that what is open of them is account 1250.
    """
    _report(_request(ReportKind.RETENTION, as_of, entity, group, rate), xlsx, as_json=as_json)


# -- what was asked


def _request(
    kind: ReportKind, as_of: datetime, entity: str, group: str, rates: list[str] | None
) -> Request:
    day = as_of.date()
    return Request(kind, day, day, entity, _group(group, rates or []))


def _group(currency: str, rates: list[str]) -> GroupCurrency | None:
    if not currency:
        if rates:
            raise typer.BadParameter("a rate is for --group: name it too", param_hint="--rate")
        return None
    stated: dict[str, Decimal] = {}
    for text in rates:
        base, rate = _rate(text, currency)
        if stated.setdefault(base, rate) != rate:
            raise typer.BadParameter(f"{base} has two rates", param_hint="--rate")
    try:
        return GroupCurrency(currency=currency, rates=stated)
    except ValidationError as invalid:
        reasons = "; ".join(each["msg"] for each in invalid.errors(include_url=False))
        raise typer.BadParameter(reasons, param_hint="--group") from None


def _rate(text: str, group: str) -> tuple[str, Decimal]:
    pair, _, figure = text.partition("=")
    base, _, quote = pair.partition("/")
    if not base or base == quote or quote != group:
        raise typer.BadParameter(
            f"{text!r} says nothing about {group}; write the units of {group} for one of another "
            f"currency, such as USD/{group}=0.91",
            param_hint="--rate",
        )
    try:
        rate = Decimal(figure)
    except InvalidOperation:
        rate = Decimal(0)
    if not rate.is_finite() or rate <= 0:
        raise typer.BadParameter(
            f"{text!r} has no rate; write a number above zero", param_hint="--rate"
        )
    return base, rate


# -- how it is shown


def _report(request: Request, xlsx: Path | None, *, as_json: bool) -> None:
    if xlsx is not None:
        _check_target(xlsx)
    settings = settings_with_logs()
    progress = Console(stderr=True, highlight=False)
    with _views(request, xlsx, as_json=as_json) as views:
        holds = run(_made(settings, request, views, lambda words: progress.print(words)))
    if xlsx is not None:
        progress.print(f"written: {xlsx}", markup=False)
    raise typer.Exit(0 if holds else 1)


def _check_target(xlsx: Path) -> None:
    if xlsx.suffix != ".xlsx":
        raise typer.BadParameter(f"{xlsx} does not end in .xlsx", param_hint="--xlsx")
    if not xlsx.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {xlsx.parent}", param_hint="--xlsx")


@contextmanager
def _views(request: Request, xlsx: Path | None, *, as_json: bool) -> Iterator[list[View]]:
    view: View = TableView(out, detail=request.detail)
    if as_json:
        view = JsonView(lambda text: typer.echo(text, nl=False))
    if xlsx is None:
        yield [view]
        return
    with whole_file(xlsx) as target, SheetsWorkbook(target) as book:
        yield [view, WorkbookView(book, detail=request.detail)]


async def _made(
    settings: Settings, request: Request, views: list[View], progress: Callable[[str], None]
) -> bool:
    async with unclaimed_house(settings) as house:
        reports = ReportStore(house.engine, house.landscape)
        return await make(reports, request, views, utc_now(), progress)
