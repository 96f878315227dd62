"""`c2c why ENTRY`: why an entry is not billed, or where it is billed, and by whom it waits."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from canonical.why.model import Why, WhyLine, WhyState
from canonical.why.wording import minutes
from runtime.settings import Settings
from store.why import WhyStore
from workers.commands.common import out, run, settings_with_logs
from workers.wiring import unclaimed_house, utc_now


def register(app: typer.Typer) -> None:
    app.command()(why)


def why(
    entry: Annotated[
        str,
        typer.Argument(
            help="<source>/<kind>/<external id>, such as kantata/time/4711; the external id alone "
            "where no other entry has it."
        ),
    ],
    detail: Annotated[
        bool, typer.Option("--detail", help="More: who approved it, the invoice, the cap, the run.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Say why an entry is not billed, or on which invoice it is, and by whom it waits.

    One line for each part of the entry. Leaves with 1 for an entry that no source told us of.
    """
    found = run(_why(settings_with_logs(), entry.strip()))
    if as_json:
        out.print(found.model_dump_json(indent=2), markup=False, soft_wrap=True)
    else:
        _show(found, detail=detail)
    if any(line.state is WhyState.NOT_TOLD for line in found.lines):
        raise typer.Exit(1)


async def _why(settings: Settings, name: str) -> Why:
    async with unclaimed_house(settings) as house:
        store = WhyStore(house.engine, house.landscape)
        named = await store.entries_named(name)
        if len(named) > 1:
            raise typer.BadParameter(
                f"several entries have the id {name}: {', '.join(named)}; name one of them whole"
            )
        return await store.why(named[0] if named else name, utc_now())


def _show(found: Why, *, detail: bool) -> None:
    if detail:
        out.print(_about(found))
    for line in found.lines:
        out.print(f"[bold]{escape(found.entry)}[/]  {escape(line.sentence)}", soft_wrap=True)
        if detail and line.detail:
            out.print(_detail(line))


def _about(found: Why) -> Table:
    approved = found.approved_by
    if found.approved_at is not None:
        approved += f", {minutes(found.approved_at)}"
    return _table(
        {
            "entry": found.entry,
            "who and when": f"{found.person}, {found.work_date or ''}",
            "approved by": approved,
            "project": f"{found.project} {found.project_code}".strip(),
            "engagement": f"{found.engagement} {found.client}".strip(),
        }
    )


def _detail(line: WhyLine) -> Table:
    return _table(line.detail)


def _table(rows: dict[str, str]) -> Table:
    table = Table(show_header=False)
    for name, value in rows.items():
        if value:
            table.add_row(escape(name), escape(value))
    return table
