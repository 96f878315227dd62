"""The tables of each report: which columns they have, and which lines a row is shown as."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
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
from workers.reports.columns import Column, Section, Show, document, money


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


_ENTITY = Column("entity", "legal_entity", Show.CODE)
_CONTRACT = (
    Column("project", "project", Show.CODE),
    Column("client", "client"),
    Column("contract", "contract", in_table=False),
)
_CURRENCY = Column("currency", "currency", Show.CODE)
_DOCUMENTS = Column("invoiced in", "document_currency", Show.CODE)

_POSITION = Section(
    "Positions",
    (
        Column("entity", "row.legal_entity", Show.CODE),
        Column("project", "row.project", Show.CODE),
        Column("client", "row.client"),
        Column("contract", "row.contract", in_table=False),
        Column("currency", "position.currency", Show.CODE),
        *(
            Column(label, f"position.{path}", Show.MONEY, "position.currency", zero=zero)
            for label, path, zero in (
                ("1200 asset", "asset", False),
                ("1250 retention", "retention", False),
                ("2200 liability", "liability", False),
                ("net position", "net", True),
                ("revenue net of 4900", "revenue", True),
                ("billed", "billed", True),
                ("difference", "difference", True),
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
        Column("invoice", "invoice", Show.CODE),
        Column("number", "number", Show.CODE),
        Column("project", "project", Show.CODE),
        Column("posted", "posted_on", Show.DATE, in_table=False),
        Column("due", "due_on", Show.DATE),
        Column("days over", "days_overdue", Show.COUNT),
        Column("age", "age", Show.CODE),
        document("open as invoiced", "document_open"),
        document("disputed", "document_disputed"),
        _DOCUMENTS,
        money("open", "open", zero=True),
        money("1190 revaluation", "revaluation", in_table=False),
        _CURRENCY,
    ),
    ("open",),
)
_UNAPPLIED = Section(
    "Unapplied cash",
    (
        _ENTITY,
        Column("customer", "customer_name"),
        Column("payment", "payment", Show.CODE),
        Column("received", "received_on", Show.DATE),
        document("unapplied as received", "document_unapplied"),
        Column("received in", "document_currency", Show.CODE),
        money("unapplied", "unapplied", zero=True),
        money("2490 revaluation", "revaluation", in_table=False),
        _CURRENCY,
    ),
    ("unapplied",),
)
_REVENUE = Section(
    "Revenue",
    (
        _ENTITY,
        *_CONTRACT,
        Column("account", "account", Show.CODE),
        Column("name", "account_name"),
        _CURRENCY,
        money("month", "month", zero=True),
        money("of it late", "late_month"),
        money("year to date", "year", zero=True),
        money("late in year", "late_year", in_table=False),
        money("to date", "to_date", zero=True),
        document("to date as invoiced", "document_to_date", in_table=False),
        Column("invoiced in", "document_currency", Show.CODE, in_table=False),
    ),
    ("month", "year", "to date"),
)
_LATE = Section(
    "Late postings",
    (
        _ENTITY,
        *_CONTRACT,
        Column("account", "account", Show.CODE),
        Column("service period", "service_period", Show.CODE),
        Column("posted in", "posting_period", Show.CODE),
        _CURRENCY,
        money("amount", "amount"),
    ),
)
_SCHEDULE = Section(
    "Fixed fees at their last close",
    (
        _ENTITY,
        *_CONTRACT,
        Column("line", "line", Show.CODE),
        Column("closed to", "closed_to", Show.DATE),
        Column("progress", "progress", Show.QUANTITY),
        Column("estimate", "estimate", Show.QUANTITY),
        _DOCUMENTS,
        document("revenue to date", "document_revenue"),
        document("by the last close", "document_change"),
        document("billed to date", "document_billed"),
        document("loss provision", "document_provision"),
    ),
)
_RETENTION = Section(
    "Retentions",
    (
        _ENTITY,
        *_CONTRACT,
        Column("customer", "customer_name"),
        Column("line", "line", Show.CODE, in_table=False),
        Column("milestone", "milestone", Show.CODE),
        Column("since", "since", Show.DATE),
        _DOCUMENTS,
        document("retained", "document_retained"),
        document("released", "document_released"),
        document("open as invoiced", "document_open"),
        money("open", "open", zero=True),
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
        document("ready", "ready"),
        document("on draft", "on_draft"),
        document("under review", "under_review"),
        document("earned fees", "earned"),
        document("accrued", "accrued"),
        document("unbilled", "unbilled", zero=True),
        document("billed in advance", "advance"),
        document("told later", "told_later"),
        document("posted after", "posted_after"),
        document("1200 asset", "document_asset"),
        document("2200 liability", "document_liability"),
        document("difference", "difference", zero=True),
        document("beside: held", "held"),
        document("beside: with its invoice", "with_invoice"),
        document("beside: disbursements", "disbursements"),
        _CURRENCY,
        money("1200 carried", "asset", in_table=False),
        money("2200 carried", "liability", in_table=False),
        money("1290 and 1259 revaluation", "revaluation", in_table=False),
    ),
    ("asset", "liability", "net"),
)
_PARTS = (
    Column("entity", "row.legal_entity", Show.CODE),
    Column("project", "row.project", Show.CODE),
    Column("state", "part.state"),
    Column("kind", "part.kind"),
)
_AMOUNT = (
    Column("quantity", "part.quantity", Show.QUANTITY),
    Column("amount", "part.amount", Show.MONEY, "row.document_currency"),
    Column("currency", "row.document_currency", Show.CODE),
    Column("why", "part.reason"),
)
_GROUPS = Section("Parts by state", (*_PARTS, Column("parts", "part.parts", Show.COUNT), *_AMOUNT))
_ENTRIES = Section(
    "Parts",
    (
        *_PARTS,
        Column("line", "part.line", Show.CODE),
        Column("entry", "part.entry", Show.CODE),
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
