"""A directory in memory for what tests write much of: copying databases is much faster there."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")
FREE_MIN = 2 * 1024**3
"""Containers often have 64 MB there: then the disk it is."""
_OURS = re.compile(r"c2c-tests-(\d+)-")


@contextmanager
def memory_disk(otherwise: Path) -> Iterator[Path]:
    """A new directory in memory, removed at the end; `otherwise` where there is no room."""
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < FREE_MIN:
        yield otherwise
        return
    _remove_left_over()
    with tempfile.TemporaryDirectory(
        prefix=f"c2c-tests-{os.getpid()}-", dir=MEMORY, ignore_cleanup_errors=True
    ) as made:
        yield Path(made)


def _remove_left_over() -> None:
    """Of test processes that were killed."""
    for directory in MEMORY.iterdir():
        owner = _OURS.match(directory.name)
        if owner is not None and not Path(f"/proc/{owner[1]}").exists():
            shutil.rmtree(directory, ignore_errors=True)
