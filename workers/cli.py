"""`c2c`, the one command: every process, and every tool of operations."""

from __future__ import annotations

import traceback

import typer
from rich.console import Console

from canonical.errors import DomainError
from runtime.exit import end_process
from runtime.settings import SettingsError
from workers.commands import (
    audit,
    bill,
    cases,
    data,
    demo,
    inbox,
    operations,
    processes,
    record,
    replay,
    report,
    revenue,
    scenario,
    schemas,
    simulators,
    why,
)

INTERRUPTED = 130
"""What shells expect of a process that was interrupted."""

app = typer.Typer(
    name="c2c",
    help="Durable client-to-cash: deal, project, time, invoice, payment.\n\n"
    "New here? `c2c demo` runs one engagement from a signed deal to a paid invoice on this "
    "machine. Every process reads its settings from C2C_* variables and the landscape from "
    "C2C_LANDSCAPE_PATH; `c2c landscape check` proves both.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for commands in (
    demo,
    processes,
    simulators,
    data,
    inbox,
    cases,
    audit,
    bill,
    why,
    report,
    operations,
    revenue,
    scenario,
    schemas,
    record,
    replay,
):
    commands.register(app)


def main() -> None:
    """Run a command; what users can mend is told in a sentence, without a traceback."""
    code: object = 0
    try:
        app()
    except SystemExit as leave:
        code = leave.code
    except (DomainError, SettingsError) as error:
        _tell(error)
        code = 1
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception:  # noqa: BLE001 - the process's edge: what users cannot mend is a defect, told whole
        traceback.print_exc()
        code = 1
    end_process(code if isinstance(code, int) else 1)


def _tell(error: DomainError | SettingsError) -> None:
    console = Console(stderr=True, highlight=False)
    console.print(f"[bold red]{type(error).__name__}[/]", end=": ")
    console.print(str(error), markup=False)
    if isinstance(error, DomainError):
        console.print(error.remedy, style="dim", markup=False)
