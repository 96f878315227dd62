"""A proxy in front of the real Tryton server that loses answers, fails and delays on demand.

It passes JSON-RPC calls through byte by byte and counts them by method. Faults are given in Python
(`inject`) or over HTTP: `POST /_faults` with a Fault as JSON, `DELETE /_faults`, `GET /_faults`.
It is written on raw streams, because a web framework cannot hang up without an answer.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

HOST: Final = "127.0.0.1"
BODY_BYTES_MAX: Final = 50_000_000
FAULTS_PATH: Final = "/_faults"
LOGIN: Final = "common.db.login"


class FaultKind(StrEnum):
    """What goes wrong. After "passed on" the server has done the work."""

    LOSE_ANSWER = "lose_answer"
    """Passed on; when the server has answered, the proxy hangs up without a word."""
    HANG = "hang"
    """Passed on; the answer never comes, until the caller gives up."""
    COMMIT_LATE = "commit_late"
    """The proxy hangs up at once and passes the call on `delay_s` later."""
    HANG_UP = "hang_up"
    """Not passed on: the proxy hangs up."""
    ANSWER_BEFORE = "answer_before"
    """Not passed on: `status` is answered, with `retry_after_s` if given."""
    ANSWER_AFTER = "answer_after"
    """Passed on; `status` is answered in place of the server's answer."""
    DELAY = "delay"
    """Passed on `delay_s` later; the answer is the server's."""
    EXPIRE_SESSION = "expire_session"
    """Not passed on: 401, as for every later call of this session."""


class Fault(BaseModel):
    """One thing that goes wrong for the next `times` calls of a method."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind
    method: str = "*"
    """A JSON-RPC method, `*` for any characters: `model.account.invoice.*`."""
    times: int = Field(default=1, ge=1, le=10_000)
    status: int = Field(default=503, ge=400, le=599)
    retry_after_s: int | None = Field(default=None, ge=0)
    delay_s: float = Field(default=0, ge=0, le=600)


class _Call(BaseModel):
    """What the proxy reads of a JSON-RPC request."""

    method: str = ""


@dataclass(frozen=True)
class _Request:
    line: bytes
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def verb_and_path(self) -> tuple[str, str]:
        verb, path, *_ = self.line.decode("latin-1").split(" ")
        return verb, path

    @property
    def method(self) -> str:
        """The JSON-RPC method, or the path of a request that is no call."""
        try:
            return _Call.model_validate_json(self.body).method
        except ValidationError:
            return self.verb_and_path[1]

    def raw(self) -> bytes:
        """For the server: one request per connection, so that the answer ends with it."""
        headers = {**self.headers, b"connection": b"close"}
        head = [self.line, *(name + b": " + value for name, value in headers.items())]
        return b"\r\n".join([*head, b"", self.body])


class FaultProxy:
    """Listens on a free port of the loopback address; use as an async context manager."""

    def __init__(self, upstream: str, *, port: int = 0) -> None:
        address = urlsplit(upstream)
        self._upstream = (address.hostname or HOST, address.port or 80)
        self._port = port
        self._listener: asyncio.Server | None = None
        self._handlers: set[asyncio.Task[None]] = set()
        self._faults: list[tuple[Fault, int]] = []
        self._expired: set[bytes] = set()
        self.calls: Counter[str] = Counter()
        """Calls received, by JSON-RPC method."""
        self.passed_on: Counter[str] = Counter()
        """Calls that reached the server, by JSON-RPC method."""

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.refuse_connections()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    def inject(self, fault: Fault) -> None:
        """Add a fault; of several that match a call, the first added happens."""
        self._faults.append((fault, fault.times))

    def heal(self) -> None:
        """No more faults; calls go through."""
        self._faults.clear()
        self._expired.clear()

    async def listen(self) -> None:
        """Accept connections, on the same port as before."""
        if self._listener is None:
            self._listener = await asyncio.start_server(self._accept, HOST, self._port)
            self._port = self._listener.sockets[0].getsockname()[1]

    async def refuse_connections(self) -> None:
        """Be down, until `listen`; calls in progress go on."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def settled(self) -> None:
        """Wait until nothing is in progress, such as a late commit."""
        while self._handlers:
            await asyncio.gather(*self._handlers, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler = asyncio.create_task(self._handle(reader, writer))
        self._handlers.add(handler)
        handler.add_done_callback(self._handlers.discard)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _read_request(reader)
            if request is not None:
                answer = await self._answer(request, reader, writer)
                if not writer.is_closing():
                    writer.write(answer)
                    await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the caller left, or the server is down: hanging up says so
        finally:
            writer.close()

    async def _answer(
        self, request: _Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        verb, path = request.verb_and_path
        if path == FAULTS_PATH:
            return self._control(verb, request.body)
        self.calls[request.method] += 1
        if request.headers.get(b"authorization") in self._expired and request.method != LOGIN:
            return _status(401)
        fault = self._next_fault(request.method)
        if fault is None:
            return await self._pass_on(request)
        return await self._misbehave(fault, request, reader, writer)

    async def _misbehave(
        self,
        fault: Fault,
        request: _Request,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bytes:
        match fault.kind:
            case FaultKind.LOSE_ANSWER:
                await self._pass_on(request)
                writer.close()
            case FaultKind.HANG:
                await self._pass_on(request)
                await reader.read()
            case FaultKind.COMMIT_LATE:
                writer.close()
                await asyncio.sleep(fault.delay_s)
                await self._pass_on(request)
            case FaultKind.HANG_UP:
                writer.close()
            case FaultKind.ANSWER_BEFORE:
                return _status(fault.status, fault.retry_after_s)
            case FaultKind.ANSWER_AFTER:
                await self._pass_on(request)
                return _status(fault.status, fault.retry_after_s)
            case FaultKind.DELAY:
                await asyncio.sleep(fault.delay_s)
                return await self._pass_on(request)
            case FaultKind.EXPIRE_SESSION:
                self._expired.add(request.headers.get(b"authorization", b""))
                return _status(401)
        return b""

    async def _pass_on(self, request: _Request) -> bytes:
        """The server's whole answer. Raises ConnectionError when there is none."""
        self.passed_on[request.method] += 1
        reader, writer = await asyncio.open_connection(*self._upstream)
        try:
            writer.write(request.raw())
            answer = await reader.read(-1)
        finally:
            writer.close()
        if not answer:
            raise ConnectionResetError("the server hung up")
        return answer

    def _next_fault(self, method: str) -> Fault | None:
        for place, (fault, left) in enumerate(self._faults):
            if fnmatchcase(method, fault.method):
                self._faults[place : place + 1] = [(fault, left - 1)] if left > 1 else []
                return fault
        return None

    def _control(self, verb: str, body: bytes) -> bytes:
        match verb:
            case "POST":
                try:
                    self.inject(Fault.model_validate_json(body))
                except ValidationError as error:
                    return _status(422, body=error.json(include_input=False).encode())
            case "DELETE":
                self.heal()
        state: dict[str, object] = {
            "faults": [{**fault.model_dump(mode="json"), "times": n} for fault, n in self._faults],
            "calls": dict(self.calls),
        }
        return _status(200, body=TypeAdapter(dict[str, object]).dump_json(state))


async def _read_request(reader: asyncio.StreamReader) -> _Request | None:
    """One request with a known length; None when the caller said nothing."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    line, *fields = head[:-4].split(b"\r\n")
    pairs = (field.partition(b":") for field in fields)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    length = int(headers.get(b"content-length", b"0"))
    if length > BODY_BYTES_MAX or b"transfer-encoding" in headers:
        return None
    return _Request(line, headers, await reader.readexactly(length))


def _status(status: int, retry_after_s: int | None = None, *, body: bytes = b"") -> bytes:
    """An answer of the proxy's own."""
    wait = f"Retry-After: {retry_after_s}\r\n" if retry_after_s is not None else ""
    head = (
        f"HTTP/1.1 {status} Fault\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{wait}Connection: close\r\n\r\n"
    )
    return head.encode() + body
