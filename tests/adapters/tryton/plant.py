"""The real ERP of a test process: one PostgreSQL, one Tryton, prepared data; started when first
asked for."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any, TypeVar

import pytest

from adapters.tryton.api import Tryton, connect
from adapters.tryton.local.admin import Accountant
from adapters.tryton.local.launch import Erp, prepare
from adapters.tryton.local.prepared import LIMITS
from adapters.tryton.local.server import TrytonServer
from runtime.local.postgres import EmbeddedPostgres

T = TypeVar("T")
TEMPLATE = "erp_template"


@dataclass(frozen=True)
class Plant:
    """The server is shared by all tests of the process; each makes records of its own."""

    erp: Erp
    postgres: EmbeddedPostgres
    server: TrytonServer
    directory: Path

    @property
    def dsn(self) -> str:
        return self.postgres.dsn(self.server.database)

    def admin(self) -> Tryton:
        password = self.erp.prepared.credentials.admin_password
        return connect("erp", self.server.url, self.server.database, "admin", password, LIMITS)

    def accountant(self) -> Accountant:
        return Accountant(self.admin())


_PLANT = pytest.StashKey[Plant]()


def plant_of(request: pytest.FixtureRequest) -> Plant:
    """The process's plant; it is stopped at the end of the session.

    Its servers are children that belong to no event loop, so that a synchronous fixture may ask.
    """
    stash = request.session.stash
    if _PLANT not in stash:
        stash[_PLANT] = in_thread(_start())
        request.session.addfinalizer(lambda: in_thread(_stop(stash[_PLANT])))
    return stash[_PLANT]


def in_thread(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end beside the running loop."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, work).result()


async def _start() -> Plant:
    erp = await prepare()
    directory = Path(tempfile.mkdtemp(prefix="c2c-test-tryton-"))
    postgres = EmbeddedPostgres(directory / "postgres", durable=False)
    await postgres.start()
    await erp.prepared.restore(postgres, TEMPLATE)
    await postgres.create_database("erp", template=TEMPLATE)
    server = TrytonServer(erp.environment, postgres.server_uri(), "erp", directory)
    await server.start()
    return Plant(erp, postgres, server, directory)


async def _stop(plant: Plant) -> None:
    await plant.server.stop()
    await plant.postgres.stop()
    rmtree(plant.directory)
