"""Where the recorded histories are."""

from __future__ import annotations

from pathlib import Path

DIRECTORY = Path(__file__).parent / "histories"
HISTORIES = sorted(DIRECTORY.glob("*/*.json"))


def name_of(path: Path) -> str:
    """`Workflow/outcome`."""
    return f"{path.parent.name}/{path.stem}"
