"""`c2c`, the one command: every process, and every tool of operations."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from canonical.errors import DomainError
from runtime.exit import end_process
from runtime.settings import SettingsError
from workers.commands import data, demo, inbox, operations, processes, schemas, simulators

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
for commands in (demo, processes, simulators, data, inbox, operations, schemas):
    commands.register(app)


def main() -> None:
    """Run a command; what users can mend is told in a sentence, without a traceback."""
    code = 0
    try:
        result = app(standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except (DomainError, SettingsError) as error:
        Console(stderr=True).print(f"[bold red]{type(error).__name__}[/]: {error}", highlight=False)
        if isinstance(error, DomainError):
            Console(stderr=True).print(f"[dim]{error.remedy}[/]", highlight=False)
        code = 1
    except typer.Exit as leave:
        code = leave.exit_code
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    except typer.TyperException as misuse:  # a wrong option or argument
        misuse.show(sys.stderr)
        code = misuse.exit_code
    end_process(code)
