"""`c2c` as a shell sees it: what it says, where, and its exit code."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from temporalio.client import Client

from runtime.local.temporal_server import TemporalOptions, TemporalServer
from runtime.settings import PREFIX, Settings
from runtime.temporal import connect
from workers import cli
from workers.commands import common
from workers.local.environment import environment_of
from workers.local.landscape import ENVIRONMENT, Addresses, landscape_document
from workers.local.secrets import make_secrets

NOWHERE = "http://127.0.0.1:1"

Document = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """What a command left behind."""

    code: int
    out: str
    err: str


class Ended(Exception):
    """The process would be over."""


class Shell:
    """Runs commands in this process, with the variables of one environment."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._code = -1
        monkeypatch.setattr(cli, "end_process", self._end)
        monkeypatch.setenv("COLUMNS", "250")
        # the console keeps the width of the moment in which it was made, before this test
        monkeypatch.setattr(common.out, "_width", None)

    def set(self, **variables: str) -> None:
        for name, value in variables.items():
            self._monkeypatch.setenv(f"{PREFIX}{name.upper()}", value)

    def __call__(self, *arguments: str) -> Told:
        self._monkeypatch.setattr("sys.argv", ["c2c", *arguments])
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), _logs_as_before(), pytest.raises(Ended):
            cli.main()
        return Told(self._code, out.getvalue(), err.getvalue())

    def _end(self, code: int) -> None:
        self._code = code
        raise Ended


@contextmanager
def _logs_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    try:
        yield
    finally:
        root.handlers, root.level = handlers, level
        structlog.reset_defaults()


@pytest.fixture
def c2c(monkeypatch: pytest.MonkeyPatch) -> Shell:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    return Shell(monkeypatch)


@pytest.fixture(scope="session")
def _secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_secrets(tmp_path_factory.mktemp("secrets"), "password").directory


@pytest.fixture
def folder(tmp_path: Path, _secrets: Path) -> Path:
    """Where a landscape's file lies; its secrets are beside it."""
    (tmp_path / "secrets").symlink_to(_secrets)
    return tmp_path


def local_document() -> Document:
    """The whole local landscape; its systems are nowhere."""
    addresses = Addresses(salesforce=NOWHERE, kantata=NOWHERE, tryton=NOWHERE, smtp="127.0.0.1:1")
    document: Document = landscape_document(addresses, "tryton", "api", 3600)
    return document


@pytest.fixture
def write(folder: Path, c2c: Shell) -> Callable[[Document], Path]:
    """Writes a landscape and lets `c2c` use it."""

    def written(document: Document) -> Path:
        path = folder / "landscape.yaml"
        path.write_text(json.dumps(document))  # JSON is YAML
        c2c.set(landscape_path=str(path), environment_id=ENVIRONMENT)
        return path

    return written


@pytest.fixture
def settings(folder: Path, database_url: str) -> Settings:
    """Settings of a process over a real database; Temporal is nowhere."""
    path = folder / "landscape.yaml"
    path.write_text(json.dumps(local_document()))
    return Settings.model_validate(
        {
            "environment_id": ENVIRONMENT,
            "database_url": database_url,
            "temporal_address": "127.0.0.1:1",
            "landscape_path": path,
            "gateway_port": 0,
        }
    )


@pytest.fixture
def at_home(c2c: Shell, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """`c2c` with these settings."""
    for name, value in environment_of(settings).items():
        monkeypatch.setenv(name, value)
    return c2c


@pytest.fixture(scope="session")
async def bare_temporal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TemporalServer]:
    """A server that has none of our search attributes yet."""
    async with TemporalServer(tmp_path_factory.mktemp("temporal"), TemporalOptions()) as server:
        yield server


@pytest.fixture
def connected(settings: Settings, bare_temporal: TemporalServer) -> Settings:
    return settings.model_copy(update={"temporal_address": bare_temporal.address})


@pytest.fixture
async def temporal(connected: Settings) -> Client:
    return await connect(connected)
