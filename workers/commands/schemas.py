"""The canonical model for others: JSON Schemas of nouns and events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from canonical.schemas import schemas as canonical_schemas
from workers.commands.common import out


def register(app: typer.Typer) -> None:
    app.command()(schemas)


def schemas(
    out_directory: Annotated[
        Path, typer.Option("--out", help="The folder to write to; it is created.")
    ] = Path("schemas"),
) -> None:
    """Write one JSON Schema file per noun and business event."""
    out_directory.mkdir(parents=True, exist_ok=True)
    written = canonical_schemas()
    for name, schema in written.items():
        path = out_directory / f"{name}.schema.json"
        path.write_text(json.dumps(schema, indent=2, sort_keys=True) + "\n")
    out.print(f"[green]*[/] {len(written)} schemas in {out_directory}")
