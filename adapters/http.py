"""The base client of every vendor: authentication, deadlines, limits, and the outcome table.

Only this file knows which HTTP library we use. A vendor's folder adds a `classify` function for
what
its answers say differently (a 200 that carries an error, a 400 that means "busy").
"""

from __future__ import annotations

import asyncio
import email.utils
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from types import TracebackType
from typing import Protocol, Self, TypeVar

import httpx
from prometheus_client import Counter
from pydantic import BaseModel, TypeAdapter, ValidationError

from adapters.budget import Budget
from canonical.errors import (
    AnswerUnreadable,
    DataRejected,
    OutcomeUnknown,
    RecordExists,
    RecordMissing,
    SystemBusy,
    SystemOutcome,
    SystemRefusesUs,
    SystemUnavailable,
)
from canonical.landscape import SystemLimits

ANSWER_BYTES_MAX = 50_000_000
"""A larger answer is refused: pages are asked for, never whole tables."""

VENDOR_CALLS = Counter(
    "c2c_vendor_calls", "HTTP calls to outside systems", ["system", "operation", "outcome"]
)

Model = TypeVar("Model", bound=BaseModel)
Parsed = TypeVar("Parsed")


class Effect(Enum):
    """What a repeated call would do; it decides what a lost answer means."""

    READ = "read"
    SAFE_WRITE = "safe_write"
    """The vendor dedupes by our key, or the same values again change nothing."""
    CREATE = "create"
    """A repeat could make a second record: a lost answer is OutcomeUnknown."""


class Answer:
    """A successful answer, parsed on demand into models."""

    def __init__(self, system: str, response: httpx.Response, content: bytes) -> None:
        self.system = system
        self.status = response.status_code
        self.headers = response.headers
        self.content = content
        self.request_id = request_id_of(response)

    def parse(self, model: type[Model], where: str = "") -> Model:
        """The body as `model`. Raises AnswerUnreadable with the place of the first misfit."""
        return self._validated(lambda: model.model_validate_json(self.content), where)

    def parse_as(self, adapter: TypeAdapter[Parsed], where: str = "") -> Parsed:
        return self._validated(lambda: adapter.validate_json(self.content), where)

    def _validated(self, parse: Callable[[], Parsed], where: str) -> Parsed:
        try:
            return parse()
        except ValidationError as error:
            raise unreadable(self.system, error, where, self.request_id) from error


def unreadable(
    system: str, error: ValidationError, where: str = "", request_id: str | None = None
) -> AnswerUnreadable:
    """The first misfit of an answer as our error: the place and the reason, never the values."""
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join([where, *(str(part) for part in first["loc"])]).strip(".")
    return AnswerUnreadable(system, first["msg"], where=place, request_id=request_id)


class Authenticator(Protocol):
    """Puts credentials on a request; renews them after a 401."""

    async def headers(self) -> Mapping[str, str]: ...

    async def renew(self) -> bool:
        """Get new credentials; False when that cannot help (then a 401 is final)."""
        ...


class NoAuthentication:
    async def headers(self) -> Mapping[str, str]:
        return {}

    async def renew(self) -> bool:
        return False


Classify = Callable[[str, httpx.Response, bytes, Effect], SystemOutcome | None]
"""(system, response, body, effect) -> the outcome when it is not what the status says, else
None."""


def no_exceptions(
    system: str, response: httpx.Response, content: bytes, effect: Effect
) -> SystemOutcome | None:
    """A vendor whose statuses mean what they say."""
    return None


class VendorHttp:
    """One system instance's HTTP client. Use as an async context manager, or close it."""

    def __init__(
        self,
        system: str,
        base_url: str,
        limits: SystemLimits,
        *,
        authenticator: Authenticator | None = None,
        classify: Classify = no_exceptions,
        transport: httpx.AsyncBaseTransport | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.system = system
        self._authenticator = authenticator or NoAuthentication()
        self._classify = classify
        self._budget = Budget(limits.requests_per_second, limits.calls_at_once)
        self._renewing = asyncio.Lock()
        self._http = httpx.AsyncClient(
            base_url=base_url,
            timeout=httpx.Timeout(limits.timeout_s),
            transport=transport,
            headers=dict(headers or {}),
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def get(
        self,
        path: str,
        operation: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        return await self.call("GET", path, operation, Effect.READ, params=params, headers=headers)

    async def call(
        self,
        method: str,
        path: str,
        operation: str,
        effect: Effect,
        *,
        params: Mapping[str, str] | None = None,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """One logical call. `operation` names it in metrics (no ids in it).

        A 401 renews the credentials once and repeats (it was not executed). Raises SystemOutcome.
        """
        request = self._http.build_request(
            method,
            path,
            params=params,
            json=json,
            content=content,
            headers=headers,
            timeout=httpx.USE_CLIENT_DEFAULT if timeout_s is None else timeout_s,
        )
        used = await self._authenticate(request)
        response, body = await self._send(request, operation, effect)
        if response.status_code == httpx.codes.UNAUTHORIZED and await self._renewed(used):
            await self._authenticate(request)
            response, body = await self._send(request, operation, effect)
        outcome = self._outcome(response, body, effect)
        VENDOR_CALLS.labels(
            self.system, operation, type(outcome).__name__ if outcome else "ok"
        ).inc()
        if outcome is not None:
            raise outcome
        return Answer(self.system, response, body)

    async def _authenticate(self, request: httpx.Request) -> Mapping[str, str]:
        credentials = await self._authenticator.headers()
        request.headers.update(credentials)
        return credentials

    async def _renewed(self, used: Mapping[str, str]) -> bool:
        """Renew once for all callers that hold the same stale credentials."""
        async with self._renewing:
            if dict(await self._authenticator.headers()) != dict(used):
                return True
            return await self._authenticator.renew()

    async def _send(
        self, request: httpx.Request, operation: str, effect: Effect
    ) -> tuple[httpx.Response, bytes]:
        async with self._budget:
            try:
                response = await self._http.send(request, stream=True)
                try:
                    return response, await self._read(response)
                finally:
                    await response.aclose()
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                outcome: SystemOutcome = SystemUnavailable(self.system, f"no connection: {error}")
                raise self._counted(outcome, operation) from error
            except httpx.TransportError as error:
                outcome = self._lost(type(error).__name__, effect)
                raise self._counted(outcome, operation) from error

    async def _read(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > ANSWER_BYTES_MAX:
                raise AnswerUnreadable(
                    self.system, f"the answer is larger than {ANSWER_BYTES_MAX} bytes"
                )
        return bytes(body)

    def _lost(self, what: str, effect: Effect) -> SystemOutcome:
        if effect is Effect.CREATE:
            return OutcomeUnknown(self.system, f"the answer to a create was lost ({what})")
        return SystemUnavailable(self.system, f"the answer was lost ({what})")

    def _counted(self, outcome: SystemOutcome, operation: str) -> SystemOutcome:
        VENDOR_CALLS.labels(self.system, operation, type(outcome).__name__).inc()
        return outcome

    def _outcome(
        self, response: httpx.Response, body: bytes, effect: Effect
    ) -> SystemOutcome | None:
        special = self._classify(self.system, response, body, effect)
        if special is not None or response.is_success:
            return special
        return outcome_of_status(self.system, response, effect)


def outcome_of_status(system: str, response: httpx.Response, effect: Effect) -> SystemOutcome:
    """The outcome table that all vendors share (status -> what it means for the caller)."""
    status, trace = response.status_code, request_id_of(response)
    wait = retry_after_s(response.headers.get("retry-after"), datetime.now(UTC))
    message = f"HTTP {status}"
    if status == 429 or (status == 503 and wait is not None):
        return SystemBusy(system, message, retry_after_s=wait, request_id=trace)
    if status == 408 or status >= 500:
        if effect is Effect.CREATE:
            return OutcomeUnknown(system, f"{message} to a create", request_id=trace)
        return SystemUnavailable(system, message, request_id=trace)
    if status in (401, 403):
        return SystemRefusesUs(system, message, request_id=trace)
    if status in (404, 410):
        return RecordMissing(system, message, request_id=trace)
    if status == 409:
        return RecordExists(system, message, request_id=trace)
    return DataRejected(system, message, request_id=trace)


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """`Retry-After` in seconds, from its number or HTTP-date form (RFC 9110, 10.2.3); at most a
    day."""
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return min(float(value), 86_400.0)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), 86_400.0)


def request_id_of(response: httpx.Response) -> str | None:
    """The vendor's trace id, under the names that vendors use."""
    for name in ("x-request-id", "sfdc-request-id", "request-id", "x-correlation-id"):
        if name in response.headers:
            return str(response.headers[name])[:200]
    return None
