"""Exception cases: what is open, and closing by hand what no workflow waits for any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from canonical.case import Case
from canonical.errors import Role
from canonical.ids import CaseId
from runtime.settings import Settings
from store.cases import CaseStore
from store.engine import create_engine
from store.overview import Overview
from workers.commands.common import out, run, settings_with_logs

cases = typer.Typer(help="Exception cases: what cannot go on, and who acts.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(cases, name="cases")


@cases.command("list")
def list_cases(
    owner: Annotated[Role | None, typer.Option(help="Only the cases of this role.")] = None,
) -> None:
    """List the open cases, oldest first."""
    found = run(_open_cases(settings_with_logs()))
    shown = [case for case in found if owner is None or case.owner is owner]
    table = Table("case", "since", "who acts", "process", "cause", "what", "next step")
    for case in shown:
        since = f"{case.opened_at:%Y-%m-%d %H:%M}" if case.opened_at is not None else ""
        words = (case.id, since, case.owner.words, case.process, case.cause)
        table.add_row(*(escape(text) for text in (*words, case.message, case.next_step)))
    out.print(table)
    out.print(f"{len(shown)} open cases")


@cases.command()
def resolve(
    case: Annotated[str, typer.Argument(help="The case's id, as `c2c cases list` shows it.")],
    by: Annotated[str, typer.Option(help="Who resolves it.")],
    reason: Annotated[str, typer.Option(help="What was done about it.")],
) -> None:
    """Close a case whose cause is gone; it is kept, with your name and reason.

    A workflow that is parked is not resumed by this: send it the signal `retry_now`.
    """
    if not by.strip() or not reason.strip():
        raise typer.BadParameter("say who resolves the case (--by) and why (--reason)")
    if not run(_resolve(settings_with_logs(), CaseId(case), by.strip(), reason.strip())):
        out.print(f"[red]There is no open case {escape(case)}.[/] `c2c cases list` shows them.")
        raise typer.Exit(1)
    out.print("[green]*[/] the case is resolved")


async def _open_cases(settings: Settings) -> Sequence[Case]:
    engine = create_engine(settings.database_url.get_secret_value())
    try:
        return await Overview(engine).open_cases()
    finally:
        await engine.dispose()


async def _resolve(settings: Settings, case: CaseId, by: str, reason: str) -> bool:
    engine = create_engine(settings.database_url.get_secret_value(), audit_keys=settings.audit_keys)
    try:
        is_open = any(each.id == case for each in await Overview(engine).open_cases())
        return is_open and await CaseStore(engine).resolve_case(case, reason, by)
    finally:
        await engine.dispose()
