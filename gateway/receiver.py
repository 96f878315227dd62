"""What happens to a delivery: read within limits, proven, stored, and only then acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from http import HTTPStatus
from typing import Final, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from adapters.webhooks import Delivery, DeliveryRefused, Notification
from canonical.errors import SystemOutcome
from gateway.bodies import read_limited
from gateway.currencies import BillingCurrencies
from gateway.hooks import VendorHooks
from gateway.intake import SignedIntake, notifications_of
from gateway.metrics import GatewayMetrics
from gateway.problems import EventsRefused, Problem
from gateway.signatures import SignatureRefused

STORE_SECONDS_MAX: Final = 10.0
"""Well below the 60 s after which Salesforce counts a delivery as failed."""
RETRY_AFTER_S: Final = 30
PATH_PART_CHARACTERS_MAX: Final = 60

_STATUSES: Final = frozenset(HTTPStatus)
"""Vendors have some of their own, such as 498."""

Clock = Callable[[], datetime]

log = structlog.get_logger(__name__)


class NotificationStore(Protocol):
    """What the receiver needs of the inbox."""

    async def store(
        self,
        source: str,
        notifications: Sequence[tuple[str, dict[str, str]]],
        received_at: datetime,
    ) -> int:
        """All in one transaction; returns how many were new."""
        ...


class StorageFailed(Exception):
    """The notifications are not known to be committed: the sender must deliver again."""


class Receiver:
    """The work behind the routes. A sender learns a status; the reason goes to our log."""

    def __init__(
        self,
        inbox: NotificationStore,
        hooks: VendorHooks,
        intake: SignedIntake,
        currencies: BillingCurrencies,
        clock: Clock,
        metrics: GatewayMetrics,
    ) -> None:
        self._inbox, self._hooks, self._intake = inbox, hooks, intake
        self._currencies, self._clock, self._metrics = currencies, clock, metrics

    async def vendor(
        self, request: Request, adapter: str, instance: str, path_secret: str
    ) -> Response:
        """A vendor's own webhook, acknowledged in the vendor's words."""
        return await self._answer(
            "vendor", instance, self._vendor(request, adapter, instance, path_secret)
        )

    async def events(self, request: Request, source: str) -> Response:
        """Signed canonical events: 202, or 200 when all of them were known already."""
        return await self._answer("events", source, self._events(request, source))

    async def _vendor(
        self, request: Request, adapter: str, instance: str, path_secret: str
    ) -> Response:
        hook = self._hooks.at(adapter, instance, path_secret)
        body = await read_limited(request, hook.body_bytes_max)
        now = self._clock()
        notifications = hook.open(Delivery(path_secret, _headers(request), body, now))
        await self._store(instance, notifications, now)
        words = hook.acknowledge()
        return Response(words.body, words.status, media_type=words.media_type)

    async def _events(self, request: Request, source: str) -> Response:
        body = await read_limited(request)
        now = self._clock()
        proven = self._intake.verify(source, request.headers, body, now)
        self._metrics.proofs.labels(source, proven.secret_name).inc()
        events = self._intake.open(source, body)
        async with _storage():
            await self._currencies.require(events)
        accepted = await self._store(source, notifications_of(proven, events), now)
        answer = {"accepted": accepted, "duplicates": len(events) - accepted}
        return JSONResponse(answer, HTTPStatus.ACCEPTED if accepted else HTTPStatus.OK)

    async def _store(
        self, source: str, notifications: Sequence[Notification], now: datetime
    ) -> int:
        rows = [(notification.id, notification.payload) for notification in notifications]
        with self._metrics.store_seconds.time():
            async with _storage():
                new = await self._inbox.store(source, rows, now)
        self._metrics.notifications.labels(source, "new").inc(new)
        self._metrics.notifications.labels(source, "known").inc(len(rows) - new)
        return new

    async def _answer(self, route: str, source: str, work: Awaitable[Response]) -> Response:
        try:
            response = await work
        except SignatureRefused as refused:
            response = _refusal(source, HTTPStatus.UNAUTHORIZED, str(refused))
        except DeliveryRefused as refused:
            response = _refusal(source, refused.status, refused.reason)
        except EventsRefused as refused:
            response = _problem(source, refused)
        except StorageFailed as failed:
            response = _storage_failure(source, failed)
        self._metrics.deliveries.labels(route, str(response.status_code)).inc()
        return response


@asynccontextmanager
async def _storage() -> AsyncIterator[None]:
    """Raises StorageFailed when the database fails or takes too long; it may still commit, and
    what is delivered again is known then."""
    try:
        async with asyncio.timeout(STORE_SECONDS_MAX):
            yield
    except (SystemOutcome, SQLAlchemyError, OSError) as failure:
        raise StorageFailed(type(failure).__name__) from failure


def plain(status: int) -> Response:
    """The one text that every answer of a status has, whatever the reason."""
    known = HTTPStatus(status).phrase if status in _STATUSES else "Refused"
    return PlainTextResponse(known, status)


def _headers(request: Request) -> dict[str, str]:
    """Names in lower case; the values of a repeated header joined, as HTTP does."""
    names = dict.fromkeys(request.headers.keys())
    return {name: ", ".join(request.headers.getlist(name)) for name in names}


def _refusal(source: str, status: int, reason: str) -> Response:
    log.warning("delivery.refused", source=_short(source), status=int(status), reason=reason)
    response = plain(status)
    # What of the body was not read is not waited for: a sender could go on for ever.
    response.headers["connection"] = "close"
    return response


def _problem(source: str, refused: EventsRefused) -> Response:
    fields = [problem.field for problem in refused.problems]
    log.warning("delivery.unusable", source=source, status=refused.status, fields=fields)
    problem = Problem(title=refused.title, status=refused.status, errors=refused.problems)
    return Response(
        problem.model_dump_json(), refused.status, media_type="application/problem+json"
    )


def _storage_failure(source: str, failed: StorageFailed) -> Response:
    log.error("delivery.not_stored", source=source, reason=str(failed))
    response = plain(HTTPStatus.SERVICE_UNAVAILABLE)
    response.headers["retry-after"] = str(RETRY_AFTER_S)
    return response


def _short(source: str) -> str:
    """What strangers write into a path goes to the log in short."""
    return source[:PATH_PART_CHARACTERS_MAX]
