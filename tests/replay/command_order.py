"""The commands of all recorded histories as one text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from tests.replay.histories_kept import name_of
from workers.histories import commands, read_history

FILE = Path(__file__).parent / "command_order.txt"


def command_order(histories: Sequence[Path]) -> str:
    """A paragraph per history; a command that repeats at once is said once, with its count."""
    return "\n".join(_paragraph(path) for path in histories)


def _paragraph(path: Path) -> str:
    runs = ((line, len(list(same))) for line, same in groupby(commands(read_history(path))))
    lines = [f"  {line}" + (f" (x {count})" if count > 1 else "") for line, count in runs]
    return "\n".join([name_of(path), *lines, ""])
