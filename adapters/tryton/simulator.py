"""A proxy in front of the real Tryton server that loses answers, fails and delays on demand.

It passes JSON-RPC calls through byte by byte and counts them by method. Faults are given in Python
(`inject`) or over HTTP: `POST /_faults` with a Fault as JSON, `DELETE /_faults`, `GET /_faults`.
It is written on raw streams, because a web framework cannot hang up without an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from adapters.tryton.faults import (
    Fault,
    FaultKind,
    Request,
    altered,
    read_request,
    status_answer,
)

__all__ = ["Fault", "FaultKind", "FaultProxy"]

HOST: Final = "127.0.0.1"
FAULTS_PATH: Final = "/_faults"
LOGIN: Final = "common.db.login"


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
        self._landing = asyncio.Event()
        self.calls: Counter[str] = Counter()
        """Calls received, by JSON-RPC method."""
        self.passed_on: Counter[str] = Counter()
        """Calls that reached the server, by JSON-RPC method."""
        self.answered: Counter[str] = Counter()
        """Calls that the server has answered, whether the caller heard it or not."""

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

    async def land(self) -> None:
        """Carry out now what was to be committed late, and wait until it is done."""
        self._landing.set()
        await self.settled()
        self._landing = asyncio.Event()

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
            request = await read_request(reader)
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
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        verb, path = request.verb_and_path
        if path == FAULTS_PATH:
            return self._control(verb, request.body)
        self.calls[request.method] += 1
        if request.headers.get(b"authorization") in self._expired and request.method != LOGIN:
            return status_answer(401)
        fault = self._next_fault(request.method)
        if fault is None:
            return await self._pass_on(request)
        return await self._misbehave(fault, request, reader, writer)

    async def _misbehave(
        self,
        fault: Fault,
        request: Request,
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
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._landing.wait(), fault.delay_s)
                await self._pass_on(request)
            case FaultKind.HANG_UP:
                writer.close()
            case FaultKind.ANSWER_BEFORE:
                return status_answer(fault.status, fault.retry_after_s)
            case FaultKind.ANSWER_AFTER:
                await self._pass_on(request)
                return status_answer(fault.status, fault.retry_after_s)
            case FaultKind.ALTER:
                return altered(await self._pass_on(request), fault)
            case FaultKind.DELAY:
                await asyncio.sleep(fault.delay_s)
                return await self._pass_on(request)
            case FaultKind.EXPIRE_SESSION:
                self._expired.add(request.headers.get(b"authorization", b""))
                return status_answer(401)
        return b""

    async def _pass_on(self, request: Request) -> bytes:
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
        self.answered[request.method] += 1
        return answer

    def _next_fault(self, method: str) -> Fault | None:
        for place, (fault, left) in enumerate(self._faults):
            if fault.concerns(method):
                self._faults[place : place + 1] = [(fault, left - 1)] if left > 1 else []
                return fault
        return None

    def _control(self, verb: str, body: bytes) -> bytes:
        match verb:
            case "POST":
                try:
                    self.inject(Fault.model_validate_json(body))
                except ValidationError as error:
                    return status_answer(422, body=error.json(include_input=False).encode())
            case "DELETE":
                self.heal()
        state: dict[str, object] = {
            "faults": [{**fault.model_dump(mode="json"), "times": n} for fault, n in self._faults],
            "calls": dict(self.calls),
        }
        return status_answer(200, body=TypeAdapter(dict[str, object]).dump_json(state))
