"""Scenarios: dated stories in YAML, played on the pure engine, with tables and a readable diff."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from canonical.scenario.model import Scenario
from canonical.scenario.playing import Outcome
from canonical.scenario.tables import Row, Value
from runtime.scenario_files import ScenarioInvalid, run_scenario, scenario_files
from workers.commands.common import out

scenario = typer.Typer(
    help="Stories of billing that finance writes: play them, compare them with what is expected.",
    no_args_is_help=True,
)

_SHOWN: dict[str, tuple[str, ...]] = {
    "transactions": (
        *("entry", "invoice", "work_date", "quantity", "rate", "rate_basis"),
        *("amount", "discount", "net"),
    ),
    "invoices": ("invoice", "type", "on", "customer", "net", "tax", "gross", "currency"),
    "journals": ("on", "event", "account", "contract", "debit", "credit"),
    "balances": ("account", "amount"),
    "parts": ("entry", "state", "quantity", "amount", "reason"),
}
_RIGHT = ("quantity", "rate", "amount", "discount", "net", "tax", "gross", "debit", "credit")


def register(app: typer.Typer) -> None:
    app.add_typer(scenario, name="scenario")


@scenario.command()
def run(
    paths: Annotated[list[Path], typer.Argument(help="Scenario files, or folders of them.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document, for machines.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only differences.")] = False,
) -> None:
    """Play scenarios in memory. Leaves with 1 when something is not as expected."""
    files = scenario_files(paths)
    outcomes: list[tuple[Path, Outcome]] = []
    unread: list[tuple[Path, ScenarioInvalid]] = []
    for path in files:
        try:
            outcomes.append((path, run_scenario(path)))
        except ScenarioInvalid as invalid:
            unread.append((path, invalid))
    if as_json:
        told = [_machine(path, outcome) for path, outcome in outcomes]
        told += [_machine_unread(path, problem) for path, problem in unread]
        out.print_json(json.dumps(told))
    else:
        for path, outcome in outcomes:
            _show(path, outcome, quiet=quiet)
        for _path, problem in unread:
            out.print(f"[bold red]unread[/] {escape(str(problem))}", soft_wrap=True)
        _conclude(outcomes, len(files))
    is_good = not unread and all(outcome.passed for _, outcome in outcomes)
    raise typer.Exit(0 if is_good else 1)


@scenario.command()
def schema(
    target: Annotated[Path, typer.Option("--out", help="The file to write.")] = Path(
        "scenario.schema.json"
    ),
) -> None:
    """Write the JSON Schema of the format, for editors and checks."""
    target.write_text(schema_text())
    out.print(f"[green]*[/] {target}")


def schema_text() -> str:
    """The JSON Schema of a scenario file."""
    return json.dumps(Scenario.model_json_schema(), indent=2, sort_keys=True) + "\n"


def _show(path: Path, outcome: Outcome, *, quiet: bool) -> None:
    mark = "[green]ok[/]" if outcome.passed else "[bold red]differs[/]"
    out.print(
        f"{mark} [bold]{outcome.scenario.scenario}[/] {outcome.scenario.title} [dim]{path}[/]"
    )
    if not quiet:
        for name, columns in _SHOWN.items():
            rows = outcome.tables.get(name, [])
            if rows:
                out.print(_table(name, columns, rows))
    if outcome.refusal:
        place = f"{outcome.place}: " if outcome.place else ""
        out.print(f"  refused: {escape(place + outcome.refusal)}", soft_wrap=True)
    if outcome.differences:
        out.print(_differences(outcome))


def _table(name: str, columns: tuple[str, ...], rows: list[Row]) -> Table:
    table = Table(title=name, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        is_number = column in _RIGHT
        is_short = is_number or column in ("on", "work_date", "account", "entry", "invoice")
        table.add_column(
            column,
            justify="right" if is_number else "left",
            no_wrap=is_short,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(_cell(column, row.get(column)) for column in columns))
    return table


def _cell(column: str, value: Value) -> str:
    if isinstance(value, Decimal):
        return "" if column in ("debit", "credit", "discount") and not value else f"{value:f}"
    return "" if value is None else str(value)


def _differences(outcome: Outcome) -> Table:
    table = Table(
        title="not as expected", title_justify="left", title_style="bold red", box=box.SIMPLE_HEAD
    )
    for column in ("block", "row", "field", "expected", "found"):
        table.add_column(column, overflow="fold")
    for each in outcome.differences:
        table.add_row(each.block, each.row, each.field, each.expected, each.found)
    return table


def _conclude(outcomes: list[tuple[Path, Outcome]], told: int) -> None:
    passed = sum(outcome.passed for _, outcome in outcomes)
    colour = "red" if passed < told else "green"
    out.print(f"[{colour}]{passed} of {told} as expected[/]")


def _machine_unread(path: Path, invalid: ScenarioInvalid) -> dict[str, object]:
    return {"file": str(path), "passed": False, "problems": invalid.problems}


def _machine(path: Path, outcome: Outcome) -> dict[str, object]:
    return {
        "file": str(path),
        "scenario": outcome.scenario.scenario,
        "passed": outcome.passed,
        "refusal": outcome.refusal,
        "refused_at": outcome.place,
        "differences": [each._asdict() for each in outcome.differences],
        "tables": {
            name: [{key: _plain(value) for key, value in row.items()} for row in rows]
            for name, rows in outcome.tables.items()
        },
    }


def _plain(value: Value) -> object:
    """Numbers as text: a machine must not make floats of money either."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, tuple):
        return list(value)
    return value if isinstance(value, bool | int | None) else str(value)
