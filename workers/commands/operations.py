"""What operations order by hand: a billing cut-off, a reconciliation."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from activities.reconcile import DayCompared
from canonical.events import BillingCutoff
from canonical.ids import ExternalRef
from canonical.landscape import SystemRole
from canonical.periods import first_day
from canonical.records import EventRecorded
from runtime.settings import Settings
from store.events import EventStore
from workers.commands.common import as_utc, out, reach_temporal, run, settings_with_logs
from workers.wiring import open_house, utc_now
from workflows import names
from workflows.reconcile import Reconcile, ReconcileParams

SOURCE = "operations"
"""The source of events that people cause on the command line."""


def register(app: typer.Typer) -> None:
    app.command()(cutoff)
    app.command()(reconcile)


def cutoff(
    entity: Annotated[str, typer.Argument(help="The legal entity's code, such as NORTH-DE.")],
    period: Annotated[str, typer.Argument(help="The month to bill, such as 2026-10.")],
    project: Annotated[
        str | None, typer.Option(help="Bill this project only, as SYSTEM/KIND/ID.")
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(help="Take what was approved up to this moment (UTC); default: now."),
    ] = None,
) -> None:
    """Order a billing run: of a legal entity, or of one project."""
    settings = settings_with_logs()
    reference = None if project is None else _reference(project)
    recorded = run(_cut_off(settings, entity, _period(period), reference, as_utc(at)))
    if recorded.waiting:
        out.print("[yellow]![/] nobody knows the project yet; the cut-off waits for it")
    for recipient in recorded.recipients:
        out.print(f"[green]*[/] {recipient}")
    out.print(f"{len(recorded.recipients)} engagements are told")


def reconcile(
    entity: Annotated[str, typer.Argument(help="The legal entity's code.")],
    day: Annotated[datetime, typer.Argument(help="The day to compare.", formats=["%Y-%m-%d"])],
) -> None:
    """Compare a day with the ERP now; exit code 1 when something differs."""
    settings = settings_with_logs()
    compared = run(_reconcile(settings, entity, day))
    out.print(
        f"{compared.clients} clients, {compared.projects} projects, "
        f"{compared.invoices} invoices compared; {compared.breaks} breaks"
    )
    if compared.breaks:
        table = Table("cause", "what differs")
        for each in compared.shown:
            table.add_row(each.cause, Text(each.message))
        out.print(table)
    raise typer.Exit(1 if compared.breaks else 0)


async def _cut_off(
    settings: Settings, entity: str, period: str, project: ExternalRef | None, at: datetime | None
) -> EventRecorded:
    async with open_house(settings) as house:
        house.landscape.entity(entity)
        if project is not None:
            house.landscape.system(project.system)
        now = utc_now()
        moment = at or now
        event = BillingCutoff(
            id=f"cutoff/{entity}/{period}/{project or 'all'}/{moment.isoformat()}",
            source=SOURCE,
            occurred_at=now,
            legal_entity=entity,
            period=period,
            cutoff=moment,
            project=project,
        )
        return await EventStore(house.engine).record_event(event, now)


def _period(text: str) -> str:
    try:
        first_day(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="PERIOD") from error
    return text


def _reference(text: str) -> ExternalRef:
    parts = text.split("/", 2)
    if len(parts) != 3 or not all(parts):
        raise typer.BadParameter(f"{text!r} is not SYSTEM/KIND/ID", param_hint="--project")
    return ExternalRef(system=parts[0], kind=parts[1], id=parts[2])


async def _reconcile(settings: Settings, entity_code: str, day: datetime) -> DayCompared:
    async with open_house(settings) as house:
        entity = house.landscape.entity(entity_code)
        temporal = await reach_temporal(settings, "c2c-reconcile")
        return await temporal.execute_workflow(
            Reconcile.run,
            ReconcileParams(
                legal_entity=entity.code,
                erp=entity.system(SystemRole.ERP),
                time_zone=entity.time_zone,
                day=day.date(),
            ),
            id=names.reconcile(entity.code, day.date()),
            task_queue=names.MAIN_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        )
