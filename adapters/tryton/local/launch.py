"""Prepares and launches the ERP: what the command line, the demo and the tests call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.tryton.api import Tryton, connect
from adapters.tryton.local.admin import Accountant
from adapters.tryton.local.cache import Progress, quiet
from adapters.tryton.local.environment import Environment, ensure_environment
from adapters.tryton.local.prepared import LIMITS, Prepared, ensure_prepared
from adapters.tryton.local.server import ServerOptions, TrytonServer
from adapters.tryton.simulator import FaultProxy
from runtime.local.paths import cache_directory
from runtime.local.postgres import EmbeddedPostgres


@dataclass(frozen=True)
class Erp:
    """All that is needed to start an ERP: programs and a database that is ready to invoice."""

    environment: Environment
    prepared: Prepared


@dataclass(frozen=True)
class RunningErp:
    """A running ERP: the server, the proxy in front of it, and who may log in."""

    server: TrytonServer
    proxy: FaultProxy
    prepared: Prepared

    @property
    def url(self) -> str:
        """Through the proxy, where calls are counted and faults happen."""
        return self.proxy.url

    def admin(self) -> Tryton:
        """The administrator, past the proxy; to be closed by the caller."""
        password = self.prepared.credentials.admin_password
        return connect("tryton", self.server.url, self.server.database, "admin", password, LIMITS)

    def accountant(self) -> Accountant:
        """What people do in the ERP: pay, close periods, look things up."""
        return Accountant(self.admin())


async def prepare(progress: Progress = quiet, *, cache: Path | None = None) -> Erp:
    """Make what is missing in the cache; seconds when nothing is. Raises ProcessError."""
    directory = cache or cache_directory()

    def installing(step: str, fraction: float, /) -> None:
        progress(step, 0.1 * fraction)

    def initialising(step: str, fraction: float, /) -> None:
        progress(step, 0.1 + 0.9 * fraction)

    environment = await ensure_environment(directory, installing)
    return Erp(environment, await ensure_prepared(directory, environment, initialising))


@asynccontextmanager
async def launch(
    erp: Erp,
    postgres: EmbeddedPostgres,
    directory: Path,
    *,
    database: str = "erp",
    template: str | None = None,
    options: ServerOptions | None = None,
) -> AsyncIterator[RunningErp]:
    """A running ERP over its own database, kept if it is there, else a copy of `template` (0.2 s)
    or restored (2 s). Raises ProcessError."""
    if database not in await postgres.databases():
        await _make_database(erp, postgres, database, template)
    server = TrytonServer(erp.environment, postgres.server_uri(), database, directory, options)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(server)
        proxy = await stack.enter_async_context(FaultProxy(server.url))
        yield RunningErp(server, proxy, erp.prepared)


async def _make_database(
    erp: Erp, postgres: EmbeddedPostgres, database: str, template: str | None
) -> None:
    if template is not None:
        await postgres.create_database(database, template=template)
        return
    unfinished = f"{database}_unfinished"
    await postgres.drop_database(unfinished)
    await erp.prepared.restore(postgres, unfinished)
    await postgres.create_database(database, template=unfinished)
    await postgres.drop_database(unfinished)
