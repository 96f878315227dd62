"""The codec endpoint: shows the Temporal UI and CLI what encrypted payloads say, to who may see it.

It speaks the remote codec protocol of Temporal (`POST .../decode` and `.../encode`, the namespace
in `X-Namespace`). Off unless a reader is configured. A browser is let in from the UI's own origin
only. Nothing of a payload is ever logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import Response

from adapters.webhooks import DeliveryRefused
from canonical.base import Noun
from gateway import codec_page, codec_payloads
from gateway.bodies import read_limited
from gateway.codec_access import COOKIE, Clock, CodecAccess, RefusalCount
from gateway.codec_payloads import PayloadsInvalid
from gateway.metrics import GatewayMetrics
from runtime.codec import EncryptionCodec, PayloadCodecError
from runtime.codec_readers import CodecReader
from runtime.settings import Settings

BODY_BYTES_MAX: Final = 6_000_000
"""Temporal's largest message, 4 MiB, in base64."""
DETAIL_CHARACTERS_MAX: Final = 400
PREFLIGHT_SECONDS: Final = "600"
_CORS_HEADERS: Final = "authorization, authorization-extras, content-type, x-namespace"

log = structlog.get_logger(__name__)


class CodecProblem(Noun):
    """A problem document (RFC 9457, `application/problem+json`)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


class CodecRefused(Exception):
    """A request that is not answered. The detail is for its sender, the reason for our log."""

    def __init__(self, status: HTTPStatus, reason: str, detail: str) -> None:
        self.status, self.reason, self.detail = status, reason, detail
        super().__init__(reason)


class CodecEndpoint:
    """Decodes and encodes for readers, over the workers' own codec."""

    def __init__(self, settings: Settings, metrics: GatewayMetrics, clock: Clock) -> None:
        """Raises ValueError without payload keys."""
        self._codec = EncryptionCodec(settings.payload_keys)
        self._access = CodecAccess(settings.codec_readers, settings.payload_keys, clock)
        self._refusals = RefusalCount(clock)
        self._origin, self._namespace = settings.codec_ui_origin, settings.temporal_namespace
        self._metrics = metrics

    async def decode(self, request: Request) -> Response:
        return await self._answer("decode", request, self._converted(request, "decode"))

    async def encode(self, request: Request) -> Response:
        return await self._answer("encode", request, self._converted(request, "encode"))

    async def preflight(self, request: Request) -> Response:
        """What a browser asks before; it cannot bring a proof with that question."""
        return await self._answer("preflight", request, self._preflight(request))

    async def page(self, _request: Request) -> Response:
        """Where a person gives a token to the browser."""
        return codec_page.asking()

    async def sign_in(self, request: Request) -> Response:
        return await self._answer("sign_in", request, self._sign_in(request))

    async def _converted(self, request: Request, verb: str) -> Response:
        self._require_origin(request)
        self._require_reader(request)
        self._require_namespace(request)
        _require_json(request)
        body = await read_limited(request, BODY_BYTES_MAX)
        try:
            payloads = await asyncio.to_thread(codec_payloads.read, body)
            convert = self._codec.decode if verb == "decode" else self._codec.encode
            converted = await convert(payloads)
        except PayloadsInvalid as invalid:
            raise _unusable("not of the protocol", str(invalid)) from None
        except PayloadCodecError as damaged:
            raise _unusable(type(damaged).__name__, str(damaged)) from None
        answer = await asyncio.to_thread(codec_payloads.write, converted)
        return Response(answer, media_type="application/json")

    async def _preflight(self, request: Request) -> Response:
        if "origin" not in request.headers:
            raise _refused("no origin", "This is answered to browsers only.")
        self._require_origin(request)
        headers = {
            "access-control-allow-methods": "POST",
            "access-control-allow-headers": _CORS_HEADERS,
            "access-control-max-age": PREFLIGHT_SECONDS,
        }
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)

    async def _sign_in(self, request: Request) -> Response:
        token = codec_page.token_of(await read_limited(request, codec_page.FORM_BYTES_MAX))
        reader = self._access.of_token(token)
        if reader is None:
            return codec_page.refusing(self._count_refusal("sign_in", "wrong token"))
        log.info("codec.signed_in", reader=reader.name)
        session = self._access.begin(reader)
        return codec_page.welcoming(reader.name, session, self._origin or "")

    # -- who, from where

    def _require_origin(self, request: Request) -> None:
        """Browsers name their page's origin; who names none is no browser."""
        origin = request.headers.get("origin")
        if origin is not None and origin != self._origin:
            raise _refused(
                "wrong origin",
                "Pages of this origin may not read payloads. C2C_CODEC_UI_ORIGIN names the one "
                "that may.",
            )

    def _require_reader(self, request: Request) -> CodecReader:
        """By token; a session counts for a page of the UI only."""
        found = self._access.of_header(request.headers.get("authorization", ""))
        if found is None and "origin" in request.headers:
            found = self._access.of_session(request.cookies.get(COOKIE, ""))
        if found is None:
            raise CodecRefused(
                HTTPStatus.UNAUTHORIZED,
                "no token or session fits",
                "Sign in on this server at /codec/sign-in (the UI must send credentials), or send "
                "`Authorization: Bearer TOKEN`.",
            )
        return found

    def _require_namespace(self, request: Request) -> None:
        if request.headers.get("x-namespace") != self._namespace:
            raise _refused(
                "another namespace",
                f"X-Namespace must be {self._namespace}: the keys are of that namespace.",
            )

    # -- answers

    async def _answer(self, verb: str, request: Request, work: Awaitable[Response]) -> Response:
        try:
            response = await work
        except CodecRefused as refused:
            response = self._problem(verb, refused)
        except DeliveryRefused as refused:
            status = HTTPStatus(refused.status)
            detail = f"At most {BODY_BYTES_MAX} bytes are read, and not for long."
            response = self._problem(verb, CodecRefused(status, "the body's size or pace", detail))
        self._metrics.codec.labels(verb, str(response.status_code)).inc()
        if self._origin is not None and request.headers.get("origin") == self._origin:
            response.headers["access-control-allow-origin"] = self._origin
            response.headers["access-control-allow-credentials"] = "true"
        response.headers["vary"] = "Origin"
        response.headers["cache-control"] = "no-store"
        return response

    def _problem(self, verb: str, refused: CodecRefused) -> Response:
        status, headers = refused.status, {}
        retry_after_s = self._count_refusal(verb, refused.reason)
        if status is HTTPStatus.UNAUTHORIZED:
            headers["www-authenticate"] = "Bearer"
            if retry_after_s:
                status = HTTPStatus.TOO_MANY_REQUESTS
                headers = {"retry-after": str(retry_after_s)}
        problem = CodecProblem(
            title=status.phrase, status=status, detail=refused.detail[:DETAIL_CHARACTERS_MAX]
        )
        response = Response(
            problem.model_dump_json(), status, headers, media_type="application/problem+json"
        )
        # What of the body was not read is not waited for.
        response.headers["connection"] = "close"
        return response

    def _count_refusal(self, verb: str, reason: str) -> int:
        """Log it, unless there are too many of this minute; then the seconds until it is over."""
        beyond = self._refusals.add()
        if not beyond:
            log.warning("codec.refused", verb=verb, reason=reason)
            return 0
        if beyond == 1:
            log.warning("codec.refused_often", verb=verb, reason="the rest is only counted")
        return self._refusals.retry_after_s


def codec_endpoint(
    settings: Settings, metrics: GatewayMetrics, clock: Clock
) -> CodecEndpoint | None:
    """None: it is off, since nobody may read, or there is nothing to decode."""
    if not settings.codec_readers:
        return None
    if not settings.payload_keys:
        log.warning("codec.off", reason="C2C_CODEC_READERS is set, and C2C_PAYLOAD_KEYS is not")
        return None
    return CodecEndpoint(settings, metrics, clock)


def _refused(reason: str, detail: str) -> CodecRefused:
    return CodecRefused(HTTPStatus.FORBIDDEN, reason, detail)


def _unusable(reason: str, detail: str) -> CodecRefused:
    return CodecRefused(HTTPStatus.UNPROCESSABLE_ENTITY, reason, detail)


def _require_json(request: Request) -> None:
    """What a form of another site could send without a preflight is not read."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise CodecRefused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not JSON", "Send `Content-Type: application/json`."
        )
