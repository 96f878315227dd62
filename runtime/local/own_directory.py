"""A folder in the clone's state that one run has for itself."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from canonical.errors import SetupInvalid


class FolderTaken(SetupInvalid):
    """Another run of the same command works in this clone."""

    remedy: ClassVar[str] = "Stop it there (Ctrl-C), or use another clone."


@contextmanager
def own_directory(state: Path, name: str) -> Iterator[Path]:
    """`state`/`name`, emptied of what an earlier run left. The lock ends with the process.

    Raises FolderTaken while another run has it: emptying it would take that run's files away.
    """
    with (state / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderTaken(f"`c2c {name}` runs in this clone already") from None
        directory = state / name
        shutil.rmtree(directory, ignore_errors=True)
        yield directory
