"""`c2c record`: the histories that later code is replayed against, recorded anew."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from canonical.errors import SetupInvalid
from runtime.settings import child_environment
from workers.commands.common import out

CLONE = Path(__file__).resolve().parents[2]
RECORDER = "tests.replay.record"
"""The scenarios belong to the tests, so recording needs a clone of the sources."""

HISTORIES = CLONE / "tests" / "replay" / "histories"


def register(app: typer.Typer) -> None:
    app.command()(record)


def record(
    directory: Annotated[
        Path, typer.Argument(help="Where the histories go; what is there is replaced.")
    ] = HISTORIES,
) -> None:
    """Run every scenario of every workflow and keep the histories, for `c2c replay`.

    Needed after a change of a workflow's commands that is meant; review the difference like code.
    """
    if not (CLONE / f"{RECORDER.replace('.', '/')}.py").is_file():
        raise SetupInvalid(f"there is no {RECORDER} in {CLONE}; record in a clone of the sources")
    done = subprocess.run(
        [sys.executable, "-m", RECORDER, str(directory.resolve())],
        cwd=CLONE,
        env=child_environment({}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stderr)
        raise typer.Exit(done.returncode)
    for line in done.stdout.splitlines():
        if line.endswith(".json"):
            out.print(f"[green]*[/] {Path(line).parent.name}/{Path(line).stem}")
