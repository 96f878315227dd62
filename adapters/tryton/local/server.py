"""The Tryton server as a child process: its configuration, its start, its end, its crash."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.http import Effect, VendorHttp
from adapters.tryton.local.cache import write_private
from adapters.tryton.local.environment import Environment
from canonical.errors import SystemOutcome
from canonical.landscape import SystemLimits
from runtime.local.lifetime import Lifetime
from runtime.local.processes import ChildProcess, free_port

HOST: Final = "127.0.0.1"
START_SECONDS: Final = 120.0
PROBE_LIMITS: Final = SystemLimits(requests_per_second=50, timeout_s=5)
READINESS: Final = {"id": 1, "method": "common.server.version", "params": []}

CONFIGURATION: Final = """\
[database]
uri = {database_uri}
path = {files}
list = False
# Posting takes a lock without waiting; the default of 5 retries is too few for parallel posts.
retry = {retry}
[web]
listen = {host}:{port}
[session]
timeout = {session_timeout_s}
"""


@dataclass(frozen=True)
class ServerOptions:
    """What a test of resilience wants to choose."""

    session_timeout_s: int = 3600
    """Idle seconds after which posting and paying want a new login; also the length of a
    lock-out."""
    retry: int = 40
    """How often the server repeats a transaction that met a lock."""


class TrytonServer(Lifetime):
    """One server process on a free port of the loopback address. Restarting keeps the port."""

    def __init__(
        self,
        environment: Environment,
        database_uri: str,
        database: str,
        directory: Path,
        options: ServerOptions | None = None,
    ) -> None:
        """`database_uri` has no database's name; `directory` gets configuration, files and log."""
        self.database = database
        self.port = free_port(HOST)
        self._environment = environment
        self._uri = database_uri
        self._directory = directory
        self._options = options or ServerOptions()
        self._process: ChildProcess | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        return self._directory / f"tryton-{self.database}.log"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    async def start(self) -> None:
        """Start and wait until it answers; nothing happens when it runs. Raises ProcessError."""
        if self.running:
            return
        configuration = self._configure()
        self._process = ChildProcess.spawn(
            "the Tryton server",
            [*self._environment.command("trytond"), "-c", configuration, "-d", self.database, "-v"],
            log=self.log,
            directory=self._directory,
        )
        try:
            async with VendorHttp("tryton", self.url, PROBE_LIMITS) as http:
                await self._process.wait_until_ready(
                    lambda: _answers(http), deadline_seconds=START_SECONDS
                )
        except BaseException:
            await self.kill()
            raise

    async def stop(self) -> None:
        if self._process is not None:
            await self._process.stop()
            self._process = None

    async def kill(self) -> None:
        """End it as a crash would: open transactions are rolled back by the database."""
        if self._process is not None:
            await self._process.kill()
            self._process = None

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def _configure(self) -> Path:
        files = self._directory / "files"
        files.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._directory / f"tryton-{self.database}.conf"
        text = configuration(self._uri, files, self.port, self._options)
        write_private(path, text)
        return path


def configuration(
    database_uri: str, files: Path, port: int, options: ServerOptions | None = None
) -> str:
    """The text of a server's configuration file."""
    chosen = options or ServerOptions()
    return CONFIGURATION.format(
        database_uri=database_uri,
        files=files,
        host=HOST,
        port=port,
        retry=chosen.retry,
        session_timeout_s=chosen.session_timeout_s,
    )


async def _answers(http: VendorHttp) -> bool:
    """Whether a server answers there with its version."""
    try:
        await http.call("POST", "/rpc/", "common.server.version", Effect.READ, json=READINESS)
    except SystemOutcome:
        return False
    return True
