"""The database and the landscape: brought up to date, and checked."""

from __future__ import annotations

import typer
from rich.table import Table
from rich.text import Text

from adapters.registry import Ports
from canonical.errors import DomainError
from canonical.ports import Checkable
from runtime.settings import Settings
from store import environment, health, migrations
from workers.commands.common import out, run, settings_with_logs
from workers.roles import PUSH
from workers.wiring import House, unclaimed_house

db = typer.Typer(help="The database.", no_args_is_help=True)
landscape = typer.Typer(help="The landscape: systems and legal entities.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(db, name="db")
    app.add_typer(landscape, name="landscape")


@db.command()
def upgrade() -> None:
    """Bring the schema to this version; safe to repeat, and while old processes run."""
    settings = settings_with_logs()
    run(migrations.upgrade(settings.database_url.get_secret_value()))
    out.print("[green]*[/] the schema is up to date")


@landscape.command()
def check(
    offline: bool = typer.Option(False, help="Check the file and its secrets, call no system."),
) -> None:
    """Check the file, its secrets, and (unless --offline) every system with its organisation."""
    settings = settings_with_logs()
    raise typer.Exit(run(_check(settings, offline=offline)))


async def _check(settings: Settings, *, offline: bool) -> int:
    async with unclaimed_house(settings) as house:
        rows = [] if offline else [("database", "postgresql", *await _database(house))]
        for system in house.landscape.systems:
            answer = await _answer(house, system.name, system.adapter, offline=offline)
            rows.append((system.name, system.adapter, *answer))
    table = Table("system", "adapter", "answer", title=f"Landscape {house.landscape.environment}")
    for name, adapter, words, is_wrong in rows:
        table.add_row(name, adapter, Text(words, style="red" if is_wrong else ""))
    out.print(table)
    return 1 if any(is_wrong for *_, is_wrong in rows) else 0


async def _database(house: House) -> tuple[str, bool]:
    """Its schema, and whose it is."""
    try:
        await health.check(house.engine)
        owner = await environment.owner_of(house.engine)
    except DomainError as error:
        return f"{error} {error.remedy}", True
    if owner not in ("", house.settings.environment_id):
        return f"belongs to the environment {owner!r} {environment.DatabaseForeign.remedy}", True
    return f"schema {migrations.head()}, " + (f"environment {owner}" if owner else "new"), False


async def _answer(house: House, name: str, adapter: str, *, offline: bool) -> tuple[str, bool]:
    if adapter == PUSH:
        return "pushes signed events; nothing to call", False
    if offline:
        return "settings and secrets are complete", False
    answers: list[str] = []
    for port in ports_of(house.ports[name]):
        try:
            answers.append(await port.check())
        except DomainError as error:
            return f"{error} {error.remedy}", True
    return "; ".join(dict.fromkeys(answers)), False


def ports_of(ports: Ports) -> list[Checkable]:
    """What can be checked of one system."""
    every = (ports.crm, ports.psa, ports.time, ports.erp, ports.mail)
    return [port for port in every if port is not None]
