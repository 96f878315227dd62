"""What goes wrong on demand, as an ASGI layer around the organisation's API.

Logins and the administrator's own requests are never touched.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})
API = "/services/data/"


class AnswerLost(Exception):
    """The connection ends without an answer: a server cuts it, an in-process client sees this."""


class FaultKind(StrEnum):
    SLOW = "slow"
    """The answer comes `seconds` later."""
    UNAVAILABLE = "unavailable"
    """503 with a page of HTML, as the edge answers; nothing is done."""
    BUSY = "busy"
    """503 with `Retry-After`, as a proxy answers; nothing is done."""
    LOCKED = "locked"
    """400 UNABLE_TO_LOCK_ROW; nothing is done."""
    OVER_LIMIT = "over_limit"
    """403 REQUEST_LIMIT_EXCEEDED; nothing is done."""
    FAILS_AFTER_COMMIT = "fails_after_commit"
    """500, although the request was carried out."""
    ANSWER_LOST = "answer_lost"
    """Carried out; no answer."""
    COMMITS_LATE = "commits_late"
    """No answer; carried out when `land` is called."""


@dataclass
class Fault:
    """A fault for the next `times` requests (writes only, if it says so)."""

    kind: FaultKind
    times: int = 1
    writes_only: bool = False
    seconds: float = 0

    def meets(self, scope: Scope) -> bool:
        return not self.writes_only or scope["method"] in WRITES


class Faults:
    """The faults that are armed, and the writes that have not landed yet."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []
        self._late: list[Callable[[], Awaitable[None]]] = []

    def arm(self, fault: Fault) -> None:
        self._armed.append(fault)

    def clear(self) -> None:
        self._armed.clear()

    def take(self, scope: Scope) -> Fault | None:
        """The first armed fault that this request meets; it is used up once."""
        for fault in self._armed:
            if fault.meets(scope):
                fault.times -= 1
                if fault.times <= 0:
                    self._armed.remove(fault)
                return fault
        return None

    def postpone(self, request: Callable[[], Awaitable[None]]) -> None:
        self._late.append(request)

    async def land(self) -> int:
        """Carry out the late requests now, in their order; how many there were."""
        late, self._late = self._late, []
        for request in late:
            await request()
        return len(late)


class FaultLayer:
    """ASGI middleware; also takes a trailing slash off paths, which clients send both ways."""

    def __init__(self, app: App, faults: Faults) -> None:
        self._app, self._faults = app, faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(API):
            await self._app(scope, receive, send)
            return
        scope["path"] = scope["path"].rstrip("/")
        fault = self._faults.take(scope)
        if fault is None:
            await self._app(scope, receive, send)
        else:
            await self._meet(fault, scope, receive, send)

    async def _meet(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        match fault.kind:
            case FaultKind.SLOW:
                await asyncio.sleep(fault.seconds)
                await self._app(scope, receive, send)
            case FaultKind.FAILS_AFTER_COMMIT:
                await self._app(scope, receive, _nobody)
                error = {"errorCode": "UNKNOWN_EXCEPTION", "message": "An unexpected error"}
                await _answer(send, 500, json.dumps([error]).encode())
            case FaultKind.ANSWER_LOST:
                await self._app(scope, receive, _nobody)
                await _cut(send)
            case FaultKind.COMMITS_LATE:
                body = await _whole(receive)
                self._faults.postpone(lambda: self._app(scope, _replay(body), _nobody))
                await _cut(send)
            case _:
                await _refuse(fault, send)


REFUSALS: dict[FaultKind, tuple[int, bytes]] = {
    FaultKind.UNAVAILABLE: (503, b"<html><body>Down for maintenance</body></html>"),
    FaultKind.BUSY: (503, b"<html><body>Try again later</body></html>"),
    FaultKind.LOCKED: (
        400,
        b'[{"message":"unable to obtain exclusive access to this record",'
        b'"errorCode":"UNABLE_TO_LOCK_ROW","fields":[]}]',
    ),
    FaultKind.OVER_LIMIT: (
        403,
        b'[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]',
    ),
}


async def _refuse(fault: Fault, send: Send) -> None:
    status, body = REFUSALS[fault.kind]
    extra: dict[FaultKind, list[tuple[bytes, bytes]]] = {
        FaultKind.BUSY: [(b"retry-after", f"{fault.seconds:.0f}".encode())],
        FaultKind.OVER_LIMIT: [(b"sforce-limit-info", b"api-usage=15000/15000")],
    }
    await _answer(send, status, body, extra.get(fault.kind, []))


async def _answer(
    send: Send, status: int, body: bytes, extra: list[tuple[bytes, bytes]] | None = None
) -> None:
    kind = b"text/html" if body.startswith(b"<") else b"application/json;charset=UTF-8"
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send(
        {"type": "http.response.start", "status": status, "headers": headers + (extra or [])}
    )
    await send({"type": "http.response.body", "body": body})


async def _cut(send: Send) -> None:
    """Begin an answer that never ends: the server closes the connection."""
    headers = [(b"content-length", b"1000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    raise AnswerLost


async def _nobody(message: Message) -> None:
    """Where answers go that nobody hears."""


async def _whole(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
