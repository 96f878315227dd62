"""What the columns of each report are called, and where their values are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple

from canonical.reports.head import ReportKind
from canonical.reports.rows import (
    LateRow,
    Position,
    PositionRow,
    ReceivableRow,
    ReportRow,
    RetentionRow,
    RevenueRow,
    ScheduleRow,
    UnappliedRow,
)
from canonical.reports.wip import PartGroup, PartShown, WipRow

Cell = str | int | Decimal | date | None


class Show(StrEnum):
    """How a value is written."""

    TEXT = "text"
    DATE = "date"
    COUNT = "count"
    QUANTITY = "quantity"
    MONEY = "money"
    """In the currency that the column names."""


class Column(NamedTuple):
    """One column; `path` leads from the line to its value, `currency` to the currency of money."""

    label: str
    path: str
    show: Show = Show.TEXT
    currency: str = "currency"
    in_table: bool = True
    """Or in workbooks only, where there is room."""

    def value(self, line: object) -> Cell:
        found = attrgetter(self.path)(line)
        if not isinstance(found, Cell):
            raise TypeError(f"{self.path} of {type(line).__name__} is no cell: {found!r}")
        return found


class Section(NamedTuple):
    """One table of a report, one sheet of its workbook."""

    title: str
    columns: tuple[Column, ...]
    group: tuple[str, ...] = ()
    """Amounts that are shown in the group's currency too."""


class PositionLine(NamedTuple):
    """A position in one of its currencies; only the functional one has the group's beside."""

    row: PositionRow
    position: Position
    revaluation: Decimal | None
    group: dict[str, Decimal]


class PartLine(NamedTuple):
    """A part, or a group of parts, with its contract."""

    row: WipRow
    part: PartGroup | PartShown
    group: dict[str, Decimal]


Line = ReportRow | PositionLine | PartLine


def _money(label: str, path: str, *, in_table: bool = True) -> Column:
    return Column(label, path, Show.MONEY, in_table=in_table)


def _document(label: str, path: str, *, in_table: bool = True) -> Column:
    return Column(label, path, Show.MONEY, "document_currency", in_table)


_ENTITY = Column("entity", "legal_entity")
_CONTRACT = (
    Column("project", "project"),
    Column("client", "client"),
    Column("contract", "contract", in_table=False),
)
_CURRENCY = Column("currency", "currency")
_DOCUMENTS = Column("invoiced in", "document_currency")

_POSITION = Section(
    "Positions",
    (
        Column("entity", "row.legal_entity"),
        Column("project", "row.project"),
        Column("client", "row.client"),
        Column("contract", "row.contract", in_table=False),
        Column("currency", "position.currency"),
        *(
            Column(label, f"position.{path}", Show.MONEY, "position.currency")
            for label, path in (
                ("1200 asset", "asset"),
                ("1250 retention", "retention"),
                ("2200 liability", "liability"),
                ("net position", "net"),
                ("revenue net of 4900", "revenue"),
                ("billed", "billed"),
                ("difference", "difference"),
            )
        ),
        Column("revaluation", "revaluation", Show.MONEY, "position.currency"),
    ),
    ("net", "revenue", "billed"),
)
_RECEIVABLES = Section(
    "Open items",
    (
        _ENTITY,
        Column("customer", "customer_name"),
        Column("customer id", "customer", in_table=False),
        Column("invoice", "invoice"),
        Column("number", "number"),
        Column("project", "project"),
        Column("posted", "posted_on", Show.DATE, in_table=False),
        Column("due", "due_on", Show.DATE),
        Column("days over", "days_overdue", Show.COUNT),
        Column("age", "age"),
        _document("open as invoiced", "document_open"),
        _document("disputed", "document_disputed"),
        _DOCUMENTS,
        _money("open", "open"),
        _money("1190 revaluation", "revaluation", in_table=False),
        _CURRENCY,
    ),
    ("open",),
)
_UNAPPLIED = Section(
    "Unapplied cash",
    (
        _ENTITY,
        Column("customer", "customer_name"),
        Column("payment", "payment"),
        Column("received", "received_on", Show.DATE),
        _document("unapplied as received", "document_unapplied"),
        Column("received in", "document_currency"),
        _money("unapplied", "unapplied"),
        _money("2490 revaluation", "revaluation", in_table=False),
        _CURRENCY,
    ),
    ("unapplied",),
)
_REVENUE = Section(
    "Revenue",
    (
        _ENTITY,
        *_CONTRACT,
        Column("account", "account"),
        Column("name", "account_name"),
        _CURRENCY,
        _money("month", "month"),
        _money("of it late", "late_month"),
        _money("year to date", "year"),
        _money("late in year", "late_year", in_table=False),
        _money("to date", "to_date"),
        _document("to date as invoiced", "document_to_date", in_table=False),
        Column("invoiced in", "document_currency", in_table=False),
    ),
    ("month", "year", "to date"),
)
_LATE = Section(
    "Late postings",
    (
        _ENTITY,
        *_CONTRACT,
        Column("account", "account"),
        Column("service period", "service_period"),
        Column("posted in", "posting_period"),
        _CURRENCY,
        _money("amount", "amount"),
    ),
)
_SCHEDULE = Section(
    "Fixed fees at their last close",
    (
        _ENTITY,
        *_CONTRACT,
        Column("line", "line"),
        Column("closed to", "closed_to", Show.DATE),
        Column("progress", "progress", Show.QUANTITY),
        Column("estimate", "estimate", Show.QUANTITY),
        _DOCUMENTS,
        _document("revenue to date", "document_revenue"),
        _document("by the last close", "document_change"),
        _document("billed to date", "document_billed"),
        _document("loss provision", "document_provision"),
    ),
)
_RETENTION = Section(
    "Retentions",
    (
        _ENTITY,
        *_CONTRACT,
        Column("customer", "customer_name"),
        Column("line", "line", in_table=False),
        Column("milestone", "milestone"),
        Column("since", "since", Show.DATE),
        _DOCUMENTS,
        _document("retained", "document_retained"),
        _document("released", "document_released"),
        _document("open as invoiced", "document_open"),
        _money("open", "open"),
        _CURRENCY,
    ),
    ("open",),
)
_WIP = Section(
    "WIP",
    (
        _ENTITY,
        *_CONTRACT,
        _DOCUMENTS,
        _document("ready", "ready"),
        _document("on draft", "on_draft"),
        _document("under review", "under_review", in_table=False),
        _document("earned fees", "earned"),
        _document("accrued", "accrued", in_table=False),
        _document("unbilled", "unbilled"),
        _document("billed in advance", "advance"),
        _document("told later", "told_later"),
        _document("posted after", "posted_after"),
        _document("1200 asset", "document_asset"),
        _document("2200 liability", "document_liability"),
        _document("difference", "difference"),
        _document("beside: held", "held"),
        _document("beside: with its invoice", "with_invoice", in_table=False),
        _document("beside: disbursements", "disbursements", in_table=False),
        _CURRENCY,
        _money("1200 carried", "asset", in_table=False),
        _money("2200 carried", "liability", in_table=False),
        _money("1290 and 1259 revaluation", "revaluation", in_table=False),
    ),
    ("asset", "liability", "net"),
)
_PARTS = (
    Column("entity", "row.legal_entity"),
    Column("project", "row.project"),
    Column("state", "part.state"),
    Column("kind", "part.kind"),
)
_AMOUNT = (
    Column("quantity", "part.quantity", Show.QUANTITY),
    Column("amount", "part.amount", Show.MONEY, "row.document_currency"),
    Column("currency", "row.document_currency"),
    Column("why", "part.reason"),
)
_GROUPS = Section("Parts by state", (*_PARTS, Column("parts", "part.parts", Show.COUNT), *_AMOUNT))
_ENTRIES = Section(
    "Parts",
    (
        *_PARTS,
        Column("line", "part.line"),
        Column("entry", "part.entry"),
        Column("work date", "part.work_date", Show.DATE),
        Column("person", "part.person"),
        *_AMOUNT,
    ),
)

_SECTIONS: dict[type[ReportRow], Section] = {
    ReceivableRow: _RECEIVABLES,
    UnappliedRow: _UNAPPLIED,
    RevenueRow: _REVENUE,
    LateRow: _LATE,
    ScheduleRow: _SCHEDULE,
    RetentionRow: _RETENTION,
}


def sections_of(kind: ReportKind, *, detail: bool) -> tuple[Section, ...]:
    """The tables of a report, in their order."""
    return {
        ReportKind.WIP: (_WIP, _GROUPS, _ENTRIES) if detail else (_WIP, _GROUPS),
        ReportKind.RECEIVABLES: (_RECEIVABLES, _UNAPPLIED),
        ReportKind.POSITION: (_POSITION,),
        ReportKind.REVENUE: (_REVENUE, _LATE, _SCHEDULE),
        ReportKind.RETENTION: (_RETENTION,),
    }[kind]


def lines_of(row: ReportRow) -> Iterator[tuple[Section, Line]]:
    """The lines that a row is shown as, each in its table."""
    if isinstance(row, PositionRow):
        yield _POSITION, PositionLine(row, row.position, row.revaluation, row.group)
        if row.document is not None:
            yield _POSITION, PositionLine(row, row.document, None, {})
    elif isinstance(row, WipRow):
        yield _WIP, row
        for group in row.groups:
            yield _GROUPS, PartLine(row, group, {})
        for part in row.parts:
            yield _ENTRIES, PartLine(row, part, {})
    else:
        yield _SECTIONS[type(row)], row
