"""What is slow to make and kept in the user's cache: built by one process, seen whole or not at
all."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

POLL_SECONDS = 0.2


class Progress(Protocol):
    """Told what is being done now and how far the whole is, from 0 to 1."""

    def __call__(self, step: str, fraction: float, /) -> None: ...


def quiet(step: str, fraction: float, /) -> None:
    """Progress for nobody."""


def key_of(*parts: bytes) -> str:
    """A folder's name that changes with any part, and with the Python that it is made for."""
    digest = hashlib.sha256(f"{sys.version}{sys.base_prefix}".encode())
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:20]


@asynccontextmanager
async def only_one(lock: Path) -> AsyncIterator[None]:
    """Holds a file lock; others wait. The kernel frees it when the holder dies."""
    lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with lock.open("a") as file:
        while not _locked(file.fileno()):  # noqa: ASYNC110 - another process's lock
            await asyncio.sleep(POLL_SECONDS)
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_private(path: Path, content: str) -> None:
    """A file that only we can read, written beside and renamed, so that it is never half."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    unfinished.replace(path)


def fresh_directory(beside: Path, suffix: str) -> Path:
    """An empty private directory `<beside><suffix>`; those of crashed makers are removed.

    The suffix names this process, so that what a crashed maker's servers still do while they end
    does not touch ours.
    """
    for left_over in beside.parent.glob(f"{beside.name}.unfinished*"):
        shutil.rmtree(left_over, ignore_errors=True)
    return emptied(beside.with_name(beside.name + suffix))


def emptied(path: Path) -> Path:
    """An empty private directory, whatever was there."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True, mode=0o700)
    return path
