"""The gateway's HTTP face: webhooks, the signed intake, the codec endpoint, health and metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Final

import structlog
from fastapi import FastAPI, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.exceptions import HTTPException

from adapters.registry import Adapter, registry
from canonical.errors import DomainError
from canonical.landscape import Landscape
from gateway.codec import CodecEndpoint
from gateway.currencies import BillingCurrencies
from gateway.hooks import VendorHooks
from gateway.intake import SignedIntake
from gateway.metrics import GatewayMetrics
from gateway.receiver import Clock, Receiver, plain
from runtime.landscape import Secrets, require_environment
from store.health import check
from store.inbox import Inbox

READY_SECONDS_MAX: Final = 5.0

Part = Annotated[str, Path(max_length=200)]

log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    return datetime.now(UTC)


def create_app(
    engine: AsyncEngine,
    landscape: Landscape,
    secrets: Secrets,
    *,
    environment_id: str,
    clock: Clock = utc_now,
    adapters: Mapping[str, Adapter] | None = None,
    metrics: GatewayMetrics | None = None,
    codec: CodecEndpoint | None = None,
) -> FastAPI:
    """Everything it needs is passed in; without `codec` no payload can be read here. Raises
    SetupInvalid when the parts do not fit together."""
    require_environment(landscape, environment_id)
    measured = metrics or GatewayMetrics(CollectorRegistry())
    receiver = Receiver(
        Inbox(engine),
        VendorHooks(landscape, secrets, registry() if adapters is None else adapters),
        SignedIntake(landscape, secrets),
        BillingCurrencies(engine),
        clock,
        measured,
    )
    # No pages about itself, and no redirects: they would repeat a secret path in a header.
    app = FastAPI(
        title="client-to-cash gateway",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    _add_hooks(app, receiver)
    _add_health(app, engine, measured)
    if codec is not None:
        _add_codec(app, codec)
    app.add_exception_handler(HTTPException, _plain_error)
    app.add_exception_handler(RequestValidationError, _not_found)
    return app


def _add_hooks(app: FastAPI, receiver: Receiver) -> None:
    @app.post("/hooks/events/{source}")
    async def signed_events(request: Request, source: Part) -> Response:
        return await receiver.events(request, source)

    @app.post("/hooks/{adapter}/{instance}/{path_secret}")
    async def vendor_webhook(
        request: Request, adapter: Part, instance: Part, path_secret: Part
    ) -> Response:
        return await receiver.vendor(request, adapter, instance, path_secret)


def _add_health(app: FastAPI, engine: AsyncEngine, metrics: GatewayMetrics) -> None:
    @app.get("/healthz")
    async def healthy() -> Response:
        """The process runs."""
        return plain(HTTPStatus.OK)

    @app.get("/readyz")
    async def ready() -> Response:
        """It can accept deliveries: the database answers and has our schema."""
        try:
            async with asyncio.timeout(READY_SECONDS_MAX):
                await check(engine)
        except (DomainError, SQLAlchemyError, OSError) as unready:
            log.warning("gateway.not_ready", reason=repr(unready))
            return plain(HTTPStatus.SERVICE_UNAVAILABLE)
        return plain(HTTPStatus.OK)

    @app.get("/metrics")
    async def measured() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _add_codec(app: FastAPI, codec: CodecEndpoint) -> None:
    app.add_route("/codec/decode", codec.decode, ["POST"])
    app.add_route("/codec/encode", codec.encode, ["POST"])
    app.add_route("/codec/decode", codec.preflight, ["OPTIONS"])
    app.add_route("/codec/encode", codec.preflight, ["OPTIONS"])
    app.add_route("/codec/sign-in", codec.page, ["GET"])
    app.add_route("/codec/sign-in", codec.sign_in, ["POST"])


async def _plain_error(_request: Request, error: Exception) -> Response:
    """An unknown route answers like a wrong secret."""
    assert isinstance(error, HTTPException)
    return plain(error.status_code)


async def _not_found(_request: Request, _error: Exception) -> Response:
    return plain(HTTPStatus.NOT_FOUND)
