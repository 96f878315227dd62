"""The local stack: every server that the product needs, started in order and stopped together.

Used by the demo, by `c2c dev`, by the end-to-end tests and by bench/. PostgreSQL, the Temporal
server and Tryton are the real ones; Salesforce and Kantata are simulators in this process, so that
they outlive a killed worker as the real ones would.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from temporalio.client import Client

from adapters.kantata import simulator as kantata
from adapters.platforms.salesforce.simulator.sessions import ClientApp
from adapters.salesforce import simulator as salesforce
from adapters.salesforce.simulator.outbound import Target
from adapters.tryton.local.launch import Erp, RunningErp, launch, prepare
from runtime.local.mail import MailCatcher
from runtime.local.postgres import EmbeddedPostgres
from runtime.local.processes import ChildProcess, free_port
from runtime.local.temporal_server import TemporalOptions, TemporalServer
from runtime.settings import Settings, child_environment
from runtime.temporal import connect
from store import migrations
from workers.local import landscape as places
from workers.local.asgi import HOST, AsgiServer
from workers.local.environment import environment_of, write_environment
from workers.local.secrets import StackSecrets, make_secrets
from workflows import names

Progress = Callable[[str, float], None]
"""(what is being done, how far it is from 0 to 1)."""

READY_SECONDS = 60.0


def no_progress(step: str, fraction: float) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class StackOptions:
    """How the stack is started. `directory` holds state and logs."""

    directory: Path
    with_ui: bool = False
    durable: bool = False
    poll_interval_s: float = 0.5
    seconds_per_business_day: float = 1.0
    temporal_config: Mapping[str, object] = field(default_factory=dict)
    worker_processes: int = 1
    apply_schedules: bool = True
    encrypted: bool = False
    """Workflow payloads are sealed; the UI reads them by the gateway's codec endpoint."""


class LocalStack:
    """Use as an async context manager."""

    def __init__(self, options: StackOptions, progress: Progress = no_progress) -> None:
        self.options, self._progress = options, progress
        self._exits = AsyncExitStack()
        directory = options.directory
        self.gateway_port = free_port()
        self.postgres = EmbeddedPostgres(directory / "postgres", durable=options.durable)
        self.temporal = TemporalServer(
            directory,
            TemporalOptions(
                database=directory / "temporal.db",
                with_ui=options.with_ui,
                search_attributes=names.SEARCH_ATTRIBUTES,
                dynamic_config=options.temporal_config,
                codec_endpoint=self.codec_url if options.encrypted else None,
            ),
        )
        self.mail = MailCatcher(directory=directory / "mail")
        self.salesforce: salesforce.Simulator
        self.kantata: kantata.Simulator
        self.erp: RunningErp
        self.secrets: StackSecrets
        self.settings: Settings
        self.client: Client
        self._processes: dict[str, ChildProcess] = {}
        self._starts = itertools.count(1)
        """Each start has a log of its own, so that a restart is seen to be ready by its own
        words."""
        self._simulators: tuple[AsgiServer, AsgiServer]

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._exits.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._exits.aclose()

    @property
    def directory(self) -> Path:
        return self.options.directory

    @property
    def environment_file(self) -> Path:
        """`. FILE` in a shell, and `c2c` works with this stack."""
        return self.directory / "c2c.env"

    @property
    def gateway_url(self) -> str:
        return f"http://{HOST}:{self.gateway_port}"

    @property
    def codec_url(self) -> str:
        """The codec endpoint; it answers in an encrypted stack only."""
        return f"{self.gateway_url}/codec"

    @property
    def simulator_urls(self) -> tuple[str, str]:
        """Salesforce and Kantata."""
        return self._simulators[0].url, self._simulators[1].url

    def erp_dsn(self) -> str:
        """The ERP's own database, for an independent look."""
        return self.postgres.dsn(self.erp.server.database)

    def vendor_calls(self) -> dict[str, int]:
        """Calls that each outside system has received."""
        crm, psa = self._simulators
        return {
            "Kantata": psa.calls,
            "Salesforce": crm.calls,
            "Tryton": sum(self.erp.proxy.calls.values()),
        }

    # -- processes --------------------------------------------------------------------------------

    async def start_worker(self, number: int = 1) -> None:
        name = _worker(number)
        arguments = ["worker", *(["--apply"] if self.options.apply_schedules else [])]
        child = self._spawn(name, arguments)

        async def ready() -> bool:
            return await asyncio.to_thread(_says_ready, child.log)

        await child.wait_until_ready(ready, deadline_seconds=READY_SECONDS)

    async def start_gateway(self) -> None:
        child = self._spawn("gateway", ["gateway"])
        await child.wait_until_ready(self._gateway_answers, deadline_seconds=READY_SECONDS)

    async def stop_worker(self, number: int = 1) -> None:
        """End it as a deployment does: what it works on is finished first."""
        await self._processes.pop(_worker(number)).stop()

    async def kill_worker(self, number: int = 1) -> None:
        """End it as a crash would."""
        await self._processes.pop(_worker(number)).kill()

    async def kill_gateway(self) -> None:
        await self._processes.pop("gateway").kill()

    def pid_of_worker(self, number: int = 1) -> int:
        return self._processes[_worker(number)].pid

    # -- starting ---------------------------------------------------------------------------------

    async def _start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        async with asyncio.TaskGroup() as tasks:
            erp = tasks.create_task(prepare(self._erp_progress))
            tasks.create_task(self._start_servers())
        await self._start_erp(erp.result())
        self._write_landscape(erp.result())
        write_environment(self.environment_file, environment_of(self.settings))
        self._tell("Bring the database schema up to date", 0.0)
        await migrations.upgrade(self.settings.database_url.get_secret_value())
        self._tell("Start gateway and worker", 0.0)
        self._exits.push_async_callback(self._stop_processes)
        self.client = await connect(self.settings, identity="c2c-local-stack")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.start_gateway())
            for number in range(1, self.options.worker_processes + 1):
                tasks.create_task(self.start_worker(number))
        self._tell("Everything is up", 1.0)

    async def _start_servers(self) -> None:
        self._tell("Start PostgreSQL, Temporal, simulators and the mail catcher", 0.0)
        for server in (self.postgres, self.temporal, self.mail):
            await self._exits.enter_async_context(server)
        database = "client_to_cash"
        if database not in await self.postgres.databases():
            await self.postgres.create_database(database)

    async def _start_erp(self, erp: Erp) -> None:
        self._tell("Start the ERP", 0.0)
        self.erp = await self._exits.enter_async_context(launch(erp, self.postgres, self.directory))
        password = erp.prepared.credentials.api_password.get_secret_value()
        self.secrets = make_secrets(self.directory, password)
        await self._start_simulators()

    async def _start_simulators(self) -> None:
        crm, psa = AsgiServer(), AsgiServer()
        app = ClientApp(
            consumer_key=self.secrets.consumer_key,
            username="integration@northfield.example",
            certificate_pem=self.secrets.certificate_pem,
        )
        hook = f"{self.gateway_url}/hooks/salesforce/{places.CRM}/{self.secrets.webhook_path}"
        crm.app = salesforce.create_app(
            salesforce.SimulatorConfig(
                app=app,
                instance_url=crm.url,
                outbound=Target(url=hook, first_retry=timedelta(seconds=1)),
            )
        )
        psa.app = kantata.create_app(self.secrets.kantata_token)
        self.salesforce, self.kantata = crm.app.state.simulator, psa.app
        self._simulators = (crm, psa)
        for server in self._simulators:
            await self._exits.enter_async_context(server)

    def _write_landscape(self, erp: Erp) -> None:
        path = self.directory / "landscape.yaml"
        crm, psa = self.simulator_urls
        addresses = places.Addresses(
            salesforce=crm, kantata=psa, tryton=self.erp.url, smtp=self.mail.address
        )
        document = places.landscape_document(
            addresses,
            self.erp.server.database,
            erp.prepared.credentials.api_user,
            self.options.poll_interval_s,
        )
        places.write_landscape(path, document)
        sealing = self.secrets.sealing(self.temporal.ui_url) if self.options.encrypted else {}
        self.settings = Settings.model_validate(
            {
                **sealing,
                "audit_keys": self.secrets.audit_key,
                "environment_id": places.ENVIRONMENT,
                "database_url": self.postgres.sqlalchemy_url("client_to_cash"),
                "temporal_address": self.temporal.address,
                "landscape_path": path,
                "seconds_per_business_day": self.options.seconds_per_business_day,
                "gateway_port": self.gateway_port,
            }
        )

    def _spawn(self, name: str, arguments: list[str]) -> ChildProcess:
        child = ChildProcess.spawn(
            name,
            [sys.executable, "-m", "workers", *arguments],
            log=self.directory / f"{name}.{next(self._starts)}.log",
            environment=child_environment(environment_of(self.settings)),
        )
        self._processes[name] = child
        return child

    async def _gateway_answers(self) -> bool:
        async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
            try:
                return (await http.get(f"{self.gateway_url}/readyz")).is_success
            except httpx.TransportError:
                return False

    async def _stop_processes(self) -> None:
        """Before the servers that they work with: then they end at once, and in order."""
        await asyncio.gather(*(child.stop() for child in self._processes.values()))
        self._processes.clear()

    def _erp_progress(self, step: str, fraction: float, /) -> None:
        self._progress(f"ERP: {step}", fraction)

    def _tell(self, step: str, fraction: float) -> None:
        self._progress(step, fraction)


def _worker(number: int) -> str:
    return f"worker-{number}"


def _says_ready(log: Path) -> bool:
    return log.exists() and "worker.ready" in log.read_text(errors="replace")
