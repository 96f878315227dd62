"""The revenue of a period: closed by order, and looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text
from temporalio.client import WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from activities.journals import debits_of
from canonical.landscape import SystemRole
from canonical.periods import first_day
from canonical.revenue import SealedEntry
from runtime.settings import Settings
from store.revenue_closes import RevenueStore
from workers.commands.common import out, reach_temporal, run, settings_with_logs
from workers.wiring import open_house
from workflows import names
from workflows.page import facts
from workflows.revenue_close import RevenueClose, RevenueClosed, RevenueCloseParams
from workflows.steering import attributes

revenue = typer.Typer(help="The revenue of a period.", no_args_is_help=True)

ENTITY = Annotated[str, typer.Argument(help="The legal entity's code, such as NORTH-DE.")]
PERIOD = Annotated[str, typer.Argument(help="The month, such as 2026-10.")]


def register(app: typer.Typer) -> None:
    app.add_typer(revenue, name="revenue")


@revenue.command()
def close(
    entity: ENTITY,
    period: PERIOD,
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow it to its end; exit code 1 when it held back.")
    ] = False,
) -> None:
    """Recognise what was earned and post it in the ERP; may be repeated for what came late."""
    settings = settings_with_logs()
    closed = run(_close(settings, entity, _month(period), wait=wait))
    if closed is None:
        return
    _tell(closed)
    raise typer.Exit(1 if closed.differences else 0)


@revenue.command()
def show(entity: ENTITY, period: PERIOD) -> None:
    """What was sealed of a period, and what the ERP has of it."""
    settings = settings_with_logs()
    sealed = run(_sealed(settings, entity, _month(period)))
    if not sealed:
        out.print(f"nothing of {period} was sealed for {entity} yet")
    for each in sealed:
        _show(each)


def _month(text: str) -> str:
    try:
        first_day(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="PERIOD") from error
    return text


async def _close(
    settings: Settings, entity: str, period: str, *, wait: bool
) -> RevenueClosed | None:
    async with open_house(settings) as house:
        erp = house.landscape.entity(entity).system(SystemRole.ERP)
    temporal = await reach_temporal(settings, "c2c-revenue")
    handle: WorkflowHandle[RevenueClose, RevenueClosed] = await temporal.start_workflow(
        RevenueClose.run,
        RevenueCloseParams(legal_entity=entity, period=period, erp=erp),
        id=names.revenue_close(entity, period),
        task_queue=names.MAIN_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        search_attributes=attributes(legal_entity=entity, project_code=""),
        static_summary=f"Revenue of {entity} in {period}",
        static_details=facts(legal_entity=entity, period=period, erp=erp),
    )
    if wait:
        return await handle.result()
    started = (await handle.describe()).start_time
    out.print(f"[green]*[/] {handle.id}, begun {started:%Y-%m-%d %H:%M} UTC; --wait follows it")
    return None


def _tell(closed: RevenueClosed) -> None:
    out.print(f"{closed.contracts} contracts closed, {closed.changed} with something new")
    for entry in closed.entries:
        out.print(f"[green]*[/] {entry.number}: {entry.debits} on {entry.on} ({entry.key})")
        for difference in entry.differences:
            out.print(Text(f"  {difference}", style="yellow"))
    if not closed.entries:
        out.print("nothing was posted: the ERP has all of it")
    for note in closed.notes:
        out.print(Text(note))
    if closed.differences:
        out.print(f"[yellow]![/] {closed.differences} differences are held back:")
        for each in closed.shown:
            out.print(Text(f"  {each}"))


async def _sealed(settings: Settings, entity: str, period: str) -> Sequence[SealedEntry]:
    async with open_house(settings) as house:
        house.landscape.entity(entity)
        return await RevenueStore(house.engine, house.landscape).sealed_entries(entity, period)


def _show(sealed: SealedEntry) -> None:
    entry = sealed.entry
    out.print(f"{entry.key}, {debits_of(entry)}: {_state(sealed)}")
    table = Table("account")
    table.add_column("debit", justify="right")
    table.add_column("credit", justify="right")
    table.add_column("what moved it")
    for line in entry.lines:
        amount = f"{abs(line.amount.amount):,f}"
        sides = (amount, "") if line.amount.amount > 0 else ("", amount)
        table.add_row(line.account, *sides, Text(line.description))
    out.print(table)


def _state(sealed: SealedEntry) -> str:
    if not sealed.is_posted:
        return f"sealed for {sealed.entry.on}, not posted"
    return f"posted as {sealed.posted_as} on {sealed.posted_on}"
