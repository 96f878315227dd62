"""`c2c replay`: would this code go on with the workflows that other code began?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import typer
from temporalio.client import WorkflowHistory

from runtime.settings import Settings
from runtime.temporal import connect, data_converter
from workers.commands.common import out, run, settings_with_logs
from workers.commands.record import HISTORIES
from workers.histories import Replayed, history_files, read_history, replay, replayer, running

SAMPLES_MAX = 1_000


def register(app: typer.Typer) -> None:
    app.command(name="replay")(replay_histories)


def replay_histories(
    directory: Annotated[
        Path, typer.Argument(help="Histories as `c2c record`, the Temporal UI or CLI wrote them.")
    ] = HISTORIES,
    live: Annotated[
        bool, typer.Option("--running", help="Replay running workflows of the server instead.")
    ] = False,
    sample: Annotated[
        int, typer.Option(help="How many running workflows of each type.", min=1, max=SAMPLES_MAX)
    ] = 20,
) -> None:
    """Replay histories on this code; exit code 1 when one would go another way.

    Before a deploy: `c2c replay --running`, with the new code and the settings of production.
    """
    settings = settings_with_logs()
    replayed = run(_replay(settings, _running(settings, sample) if live else _files(directory)))
    bad = [each for each in replayed if each.problem]
    for each in bad:
        out.print(f"[bold red]differs[/] {each.name}: {each.problem}", markup=True)
    out.print(f"{len(replayed)} histories replayed, {len(bad)} differ")
    raise typer.Exit(1 if bad else 0)


async def _replay(
    settings: Settings, histories: AsyncIterator[tuple[str, WorkflowHistory]]
) -> list[Replayed]:
    today = replayer(data_converter(settings))
    return [await replay(today, name, history) async for name, history in histories]


async def _files(directory: Path) -> AsyncIterator[tuple[str, WorkflowHistory]]:
    for path in history_files(directory):
        yield f"{path.parent.name}/{path.stem}", read_history(path)


async def _running(settings: Settings, sample: int) -> AsyncIterator[tuple[str, WorkflowHistory]]:
    client = await connect(settings, identity="c2c-replay")
    async for each in running(client, sample):
        yield each
