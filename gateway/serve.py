"""Runs the gateway's process: its HTTP server and its relay, together or one of them."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Final

import structlog
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from adapters.registry import registry
from canonical.errors import SetupInvalid
from canonical.landscape import Landscape
from gateway.app import create_app, utc_now
from gateway.codec import codec_endpoint
from gateway.hooks import VendorHooks
from gateway.loops import Loop
from gateway.metrics import GatewayMetrics
from gateway.nudging import NudgeRelay
from gateway.relay import InboxRelay, Translator
from gateway.unlinked import UnlinkedWatch
from runtime.landscape import Secrets, load_landscape, require_environment, resolve_secrets
from runtime.settings import Settings
from runtime.temporal import connect
from store import environment
from store.engine import create_engine
from store.events import EventStore
from store.inbox import Inbox
from store.nudges import Nudges
from workflows.pace import Pace

ROWS_PER_SECOND_MAX: Final = 1_000.0
NUDGES_PER_SECOND_MAX: Final = 100.0
REQUESTS_AT_ONCE_MAX: Final = 200
HEADER_BYTES_MAX: Final = 32_768
KEEP_ALIVE_SECONDS: Final = 30
GRACE_SECONDS: Final = 15
"""How long requests under way may take to end after the order to stop."""

Part = Callable[[], Coroutine[None, None, None]]

log = structlog.get_logger(__name__)


async def serve(
    settings: Settings,
    *,
    http: bool = True,
    relay: bool = True,
    stop: asyncio.Event | None = None,
    on_ready: Callable[[str], None] = lambda _url: None,
) -> None:
    """Serve until `stop` is set (SIGTERM and SIGINT set it); `on_ready` is told the address.

    Raises SetupInvalid when landscape, settings, secrets and database do not fit, or the port is
    taken; SystemUnavailable when the database is away.
    """
    landscape = load_landscape(settings.landscape_path)
    require_environment(landscape, settings.environment_id)
    secrets = resolve_secrets(landscape, settings.landscape_path)
    metrics = GatewayMetrics(CollectorRegistry())
    stop = stop or asyncio.Event()
    work: list[Part] = []
    async with _engine(settings) as engine:
        await environment.claim(engine, settings.environment_id)
        if relay:
            temporal = await connect(settings, lazy=True, identity="c2c-gateway")
            pace = Pace(seconds_per_day=settings.seconds_per_business_day)
            loops = relay_loops(engine, landscape, secrets, temporal, metrics, pace)
            work += [partial(loop.run, stop) for loop in loops]
        if http:
            environment_id = settings.environment_id
            app = create_app(
                engine,
                landscape,
                secrets,
                environment_id=environment_id,
                metrics=metrics,
                codec=codec_endpoint(settings, metrics, utc_now),
            )
            listener = _listener(settings.gateway_host, settings.gateway_port)
            work.append(partial(_serve_http, app, listener, stop))
            on_ready(_url(listener))
        with _stopped_by_signals(stop):
            await _until_all_end(work)


def relay_loops(
    engine: AsyncEngine,
    landscape: Landscape,
    secrets: Secrets,
    temporal: Client,
    metrics: GatewayMetrics,
    pace: Pace | None = None,
) -> tuple[Loop, ...]:
    """Inbox rows to events, nudges to workflows, and the watch over what waits for a link."""
    inbox, nudges = Inbox(engine), Nudges(engine)
    translator = Translator(landscape, VendorHooks(landscape, secrets, registry()))
    events = EventStore(engine)
    rows = InboxRelay(inbox, events, translator, metrics)
    news = NudgeRelay(nudges, temporal, metrics, pace=pace)
    watch = UnlinkedWatch(events, lambda: datetime.now(UTC))
    return (
        Loop("relay.inbox", rows.step, inbox.listen, ROWS_PER_SECOND_MAX),
        Loop("relay.nudges", news.step, nudges.listen, NUDGES_PER_SECOND_MAX),
        Loop("relay.unlinked", watch.step, watch.wake_ups, ROWS_PER_SECOND_MAX),
    )


async def _until_all_end(work: Sequence[Part]) -> None:
    """If one part fails, the others are cancelled and the process ends with that error."""
    async with asyncio.TaskGroup() as tasks:
        for part in work:
            tasks.create_task(part())


async def _serve_http(app: FastAPI, listener: socket.socket, stop: asyncio.Event) -> None:
    server = _Server(_http_config(app))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve([listener]))
        await stop.wait()
        server.should_exit = True


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _http_config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        access_log=False,  # its lines hold whole paths, and a webhook's path is its secret
        log_config=None,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=REQUESTS_AT_ONCE_MAX,
        h11_max_incomplete_event_size=HEADER_BYTES_MAX,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


class _Server(uvicorn.Server):
    """Leaves signals to us: its own way ends the process before the relay has finished its step."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise SetupInvalid(
            f"the gateway cannot listen on {host}, port {port} ({error.strerror}). "
            "Stop what uses it, or set C2C_GATEWAY_HOST and C2C_GATEWAY_PORT."
        ) from error


@asynccontextmanager
async def _engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    url = settings.database_url.get_secret_value()
    engine = create_engine(
        url, pool_size=settings.database_pool_size, audit_keys=settings.audit_keys
    )
    try:
        yield engine
    finally:
        await engine.dispose()


@contextmanager
def _stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
