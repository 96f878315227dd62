"""`c2c demo` and `c2c dev`: the whole product on this machine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from runtime.local.own_directory import own_directory
from runtime.local.paths import state_directory
from runtime.logs import configure_logs
from runtime.settings import Settings
from workers.commands.common import out, run, until_stopped
from workers.demo.run import Demo, problems, wants_exit
from workers.demo.script import Month
from workers.demo.stories.base import DemoStory
from workers.demo.stories.catalogue import STORIES, story_named

Encrypt = Annotated[
    bool,
    typer.Option("--encrypt", help="Seal workflow payloads; say how the Temporal UI reads them."),
]


def register(app: typer.Typer) -> None:
    app.command()(demo)
    app.command()(dev)


def demo(
    scenario: Annotated[
        str, typer.Option(help="Which contract: " + ", ".join(each.name for each in STORIES))
    ] = STORIES[0].name,
    encrypt: Encrypt = False,
) -> None:
    """Run one engagement from a signed deal to a paid invoice, on real servers on this machine.

    It stays up afterwards for a look around; DEMO_EXIT=1 leaves at the end, with exit code 0 only
    if every figure ties out. The first run prepares the ERP (two to three minutes), later ones do
    not.
    """
    raise typer.Exit(run(_demo(story_named(scenario), encrypt)))


def dev(encrypt: Encrypt = False) -> None:
    """Start the same servers without a story, for development; state is kept until Ctrl-C."""
    run(_dev(encrypt))


async def _demo(told: DemoStory, encrypt: bool) -> int:
    configure_logs(Settings(log_level="error"))
    with own_directory(state_directory(), "demo") as directory:
        show = Demo(out, directory, encrypted=encrypt)
        stack = await show.start_stack()
        try:
            outcome = await show.play(stack, told)
            found = problems(outcome, told.expected(Month.before(datetime.now(UTC).date())))
            show.show(outcome, found)
            if not wants_exit():
                show.show_addresses(stack)
                await until_stopped()
            return 1 if found else 0
        finally:
            await stack.__aexit__(None, None, None)


async def _dev(encrypt: bool) -> None:
    configure_logs(Settings(log_level="error"))
    with own_directory(state_directory(), "dev") as directory:
        show = Demo(out, directory, encrypted=encrypt)
        stack = await show.start_stack()
        try:
            show.show_addresses(stack)
            await until_stopped()
        finally:
            await stack.__aexit__(None, None, None)
