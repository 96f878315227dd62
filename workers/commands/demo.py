"""`c2c demo` and `c2c dev`: the whole product on this machine."""

from __future__ import annotations

import typer

from runtime.local.own_directory import own_directory
from runtime.local.paths import state_directory
from runtime.logs import configure_logs
from runtime.settings import Settings
from workers.commands.common import out, run, until_stopped
from workers.demo.run import Demo, wants_exit


def register(app: typer.Typer) -> None:
    app.command()(demo)
    app.command()(dev)


def demo() -> None:
    """Run one engagement from a signed deal to a paid invoice, on real servers on this machine.

    It stays up afterwards for a look around; DEMO_EXIT=1 leaves at the end, with exit code 0 only
    if
    every figure ties out. The first run prepares the ERP (two to three minutes), later ones do not.
    """
    raise typer.Exit(run(_demo()))


def dev() -> None:
    """Start the same servers without a story, for development; state is kept until Ctrl-C."""
    run(_dev())


async def _demo() -> int:
    configure_logs(Settings(log_level="error"))
    with own_directory(state_directory(), "demo") as directory:
        show = Demo(out, directory)
        stack = await show.start_stack()
        try:
            outcome = await show.play(stack)
            show.show(outcome)
            if not wants_exit():
                show.show_addresses(stack)
                await until_stopped()
            return 1 if outcome.problems() else 0
        finally:
            await stack.__aexit__(None, None, None)


async def _dev() -> None:
    configure_logs(Settings(log_level="error"))
    with own_directory(state_directory(), "dev") as directory:
        show = Demo(out, directory)
        stack = await show.start_stack()
        try:
            show.show_addresses(stack)
            await until_stopped()
        finally:
            await stack.__aexit__(None, None, None)
