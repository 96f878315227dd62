"""The processes of production: worker and gateway, and the background work that is declared."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Annotated

import structlog
import typer

from gateway.serve import serve
from runtime.settings import Settings
from runtime.telemetry import start_telemetry
from runtime.temporal import metrics_runtime
from workers.commands.common import out, reach_temporal, run, settings_with_logs, until_stopped
from workers.schedules import apply_schedules
from workers.sealing import sealing
from workers.wiring import build_workers, open_house, running

log = structlog.get_logger(__name__)


def register(app: typer.Typer) -> None:
    app.command()(worker)
    app.command()(gateway)
    app.command()(schedules)


def worker(
    system: Annotated[
        list[str] | None,
        typer.Option(help="Serve the task queue of this system only; may be repeated."),
    ] = None,
    main: Annotated[bool, typer.Option(help="Serve the main task queue (workflows).")] = True,
    apply: Annotated[
        bool, typer.Option(help="First start intakes and schedules, as `c2c schedules` does.")
    ] = False,
) -> None:
    """Run workflows and activities until SIGTERM. Many may run; each task queue has its rate
    limit."""
    settings = settings_with_logs()
    run(_work(settings, main=main, systems=system, apply=apply))


def gateway(
    http: Annotated[bool, typer.Option(help="Receive webhooks.")] = True,
    relay: Annotated[bool, typer.Option(help="Hand events to workflows.")] = True,
) -> None:
    """Receive webhooks and signed events, and hand them to workflows."""
    settings = settings_with_logs()
    with start_telemetry(settings, "c2c-gateway"):
        run(
            serve(
                settings,
                http=http,
                relay=relay,
                on_ready=lambda url: log.info("gateway.ready", url=url),
            )
        )


def schedules() -> None:
    """Register search attributes, start intakes, set daily reconciliations; safe to repeat."""
    settings = settings_with_logs()
    for line in run(_apply(settings)):
        out.print(f"[green]*[/] {line}")


async def _work(settings: Settings, *, main: bool, systems: list[str] | None, apply: bool) -> None:
    async with AsyncExitStack() as stack:
        stack.enter_context(start_telemetry(settings, "c2c-worker"))
        house = await stack.enter_async_context(open_house(settings))
        temporal = await reach_temporal(settings, "c2c-worker", metrics_runtime(settings))
        if apply:
            await apply_schedules(temporal, house)
        workers = build_workers(temporal, house, main=main, systems=systems)
        if main:
            await stack.enter_async_context(sealing(settings, house.engine))
        await stack.enter_async_context(running(workers))
        log.info("worker.ready", task_queues=[each.task_queue for each in workers])
        await until_stopped()
        log.info("worker.stopping")


async def _apply(settings: Settings) -> list[str]:
    async with open_house(settings) as house:
        temporal = await reach_temporal(settings, "c2c-schedules")
        return await apply_schedules(temporal, house)
