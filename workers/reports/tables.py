"""Reports on a terminal: the first rows of each table, totals, and the proof."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Final

from rich.console import Console
from rich.markup import escape

from canonical.currencies import MINOR_DIGITS
from canonical.reports.head import ReportHead
from canonical.reports.proofs import Proof, ProofSheet, Side
from canonical.reports.rows import ReportRow
from canonical.reports.totals import Total
from workers.reports.columns import Cell, Column, Section, Show
from workers.reports.grid import Grid
from workers.reports.layout import Line, lines_of, sections_of
from workers.reports.views import Ending

ROWS_SHOWN_MAX: Final = 200


class TableView:
    """Keeps as many rows as it shows."""

    def __init__(self, console: Console, *, detail: bool) -> None:
        self._console, self._detail = console, detail
        self._shown: dict[str, list[Line]] = {}
        self._counts: dict[str, int] = {}

    def begin(self, head: ReportHead) -> None:
        self._head = head
        whom = head.legal_entity or "all legal entities"
        self._console.print(
            f"[bold]{head.title}[/] of {escape(whom)} as of {head.as_of}, made "
            f"{head.made_at:%Y-%m-%d %H:%M} UTC"
        )
        for sentence in head.meaning:
            self._console.print(escape(sentence), style="dim")

    def row(self, row: ReportRow) -> None:
        for section, line in lines_of(row):
            self._counts[section.title] = self._counts.get(section.title, 0) + 1
            kept = self._shown.setdefault(section.title, [])
            if len(kept) < ROWS_SHOWN_MAX:
                kept.append(line)

    def end(self, ending: Ending) -> None:
        for section in sections_of(self._head.kind, detail=self._detail):
            self._print_section(section)
        _totals(ending.totals, self._currency).print(self._console)
        _proofs(ending.proofs).print(self._console)
        self._conclude(ending.proofs)

    @property
    def _currency(self) -> str:
        """Of the group, or an empty text."""
        return self._head.group.currency if self._head.group is not None else ""

    def _print_section(self, section: Section) -> None:
        lines, count = self._shown.get(section.title, []), self._counts.get(section.title, 0)
        if not lines:
            self._console.print(f"{section.title}: none")
            return
        _grid(section, lines, self._currency).print(self._console)
        if count > len(lines):
            self._console.print(
                f"[yellow]{count - len(lines)} more of {count} rows are not shown here;[/] "
                "--json or --xlsx has them, --entity narrows them"
            )

    def _conclude(self, proofs: ProofSheet) -> None:
        if proofs.holds:
            self._console.print("[green]All of it is proven.[/]")
            return
        self._console.print(
            f"[bold red]{proofs.broken_count} equations do not hold: do not use these figures "
            "before it is known why.[/]"
        )
        for proof in proofs.broken:
            self._console.print(escape(_broken(proof)), style="red")


def _grid(section: Section, lines: Sequence[Line], group: str) -> Grid:
    columns = [each for each in section.columns if each.in_table]
    grid = Grid(section.title)
    for column in columns:
        grid.column(column.label, column.show)
    translated = section.group if group else ()
    for name in translated:
        grid.column(f"{name} {group}", Show.MONEY)
    for line in lines:
        cells = [_cell(column, line) for column in columns]
        grid.row(*cells, *(money(line.group.get(name), group) for name in translated))
    return grid


def _cell(column: Column, line: Line) -> str:
    value = column.value(line)
    if column.show is Show.MONEY:
        return money(value, attrgetter(column.currency)(line), zero=column.zero)
    if isinstance(value, Decimal):
        return f"{value.normalize():f}" if value else ""
    if isinstance(value, int):
        return str(value) if value else ""
    return str(value) if value is not None else ""


def money(value: Cell, currency: str, *, zero: bool = False) -> str:
    """With the currency's digits; nothing for zero, which a table is easier to read without."""
    return _exact(value, currency) if isinstance(value, Decimal) and (value or zero) else ""


def _totals(totals: Sequence[Total], group: str) -> Grid:
    """What is zero is left out."""
    grid = Grid("Totals")
    for label in ("entity", "of", "what"):
        grid.column(label, Show.CODE)
    grid.column("amount", Show.MONEY)
    grid.column("currency", Show.CODE)
    grid.column(f"in {group}", Show.MONEY)
    grid.column("rounding of the rows", Show.MONEY)
    for total in totals:
        of = "invoices" if total.of_documents else "ledger"
        for name, amount in total.amounts.items():
            if amount:
                grid.row(
                    total.legal_entity or "group",
                    f"{of} {total.label}".rstrip(),
                    name,
                    _exact(amount, total.currency),
                    total.currency,
                    money(total.group.get(name), group),
                    money(total.rounding.get(name), group),
                )
        grid.section()
    return grid


def _exact(amount: Decimal, currency: str) -> str:
    """With the currency's digits, or more where there are any: nothing is rounded away here."""
    exponent = amount.normalize().as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) else 0
    return f"{amount:,.{max(digits, MINOR_DIGITS[currency])}f}"


def _proofs(proofs: ProofSheet) -> Grid:
    grid = Grid("Proof")
    grid.column("equation", Show.TEXT)
    for label in ("entity", "currency"):
        grid.column(label, Show.CODE)
    grid.column("of", Show.COUNT)
    for label in ("left", "right", "difference"):
        grid.column(label, Show.MONEY)
    for proof in proofs.sums:
        grid.row(
            proof.equation,
            proof.legal_entity,
            proof.currency,
            str(proof.subjects),
            _sum(proof.left, proof.currency),
            _sum(proof.right, proof.currency),
            _figure(proof.difference, proof.currency),
        )
    return grid


def _sum(sides: Sequence[Side], currency: str) -> str:
    return _figure(sum((each.amount for each in sides), Decimal(0)), currency)


def _figure(amount: Decimal, currency: str) -> str:
    """A proof that is about no amount has no currency."""
    return _exact(amount, currency) if currency else ""


def _broken(proof: Proof) -> str:
    def told(sides: Sequence[Side]) -> str:
        return ", ".join(f"{each.what} {_figure(each.amount, proof.currency)}" for each in sides)

    about = f"{proof.legal_entity} {proof.subject}".strip()
    sides = f"{told(proof.left)} against {told(proof.right)}; " if proof.left else ""
    difference = f"difference {_figure(proof.difference, proof.currency)} {proof.currency}"
    words = f"{sides}{difference if proof.difference else ''} {proof.detail}".strip()
    return f"{about}: {proof.equation}: {words}"
