"""The scenario commands alone, as `c2c` mounts them."""

from __future__ import annotations

import typer

from workers.commands import scenario

app = typer.Typer()
scenario.register(app)


@app.callback()
def c2c() -> None:
    """The commands under test."""
