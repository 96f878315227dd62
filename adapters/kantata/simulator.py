"""A Kantata account in memory that speaks the vendor's dialect, with faults on demand.

Written from the vendor's documents. An ASGI app: `uvicorn --factory
adapters.kantata.simulator:create_app`. The API is under `/api/v1/`; people and faults are under
`/_admin/<action>` (POST, JSON object of named arguments, answers JSON), which is why it listens on
loopback or in a private network only.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from datetime import datetime

from pydantic import ValidationError, validate_call

from adapters.kantata.simulated.events import Feed
from adapters.kantata.simulated.faults import Fault, FaultKind, Faults
from adapters.kantata.simulated.http import (
    Receive,
    Request,
    Scope,
    Send,
    answer,
    drop,
    lifespan,
    read_request,
)
from adapters.kantata.simulated.listing import Lists
from adapters.kantata.simulated.office import ACTIONS, Office
from adapters.kantata.simulated.problems import (
    ConnectionDropped,
    Refused,
    not_found,
    unauthorised,
)
from adapters.kantata.simulated.routes import Routes
from adapters.kantata.simulated.state import Account, Clock
from adapters.kantata.simulated.writes import Writes

TOKEN = "kantata-token"
"""The token that the simulator accepts unless it is given another: it protects nothing."""
ACCOUNT_ID = "88"
API, ADMIN = ("api", "v1"), "_admin"

__all__ = ["ACCOUNT_ID", "TOKEN", "ConnectionDropped", "Simulator", "create_app"]


class Simulator:
    """The ASGI app. `office` is its people, for tests in the same process."""

    def __init__(self, token: str, account_id: str, now: Callable[[], datetime] | None) -> None:
        self.account = Account(Clock(now), account_id)
        self.account.tokens = {token}
        feed = Feed(self.account)
        self.faults = Faults()
        writes = Writes(self.account, feed)
        self.office = Office(self.account, writes, feed, self.faults)
        self.account.owner_id = self.office.add_user(
            "Integration User", "integration@kantata.example"
        )
        self._routes = Routes(self.account, Lists(self.account, self.faults.spoil), writes)
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._requests += 1
        trace = f"kantata-{self._requests}"
        headers: dict[str, str] = {}
        try:
            request = await read_request(scope, receive)
            status, body = await self._answer(request, headers)
        except Refused as refused:
            status, body = refused.status, refused.body()
        except ConnectionDropped:
            await drop(send)
            raise
        await answer(send, status, body, trace, headers)

    async def _answer(self, request: Request, headers: dict[str, str]) -> tuple[int, object]:
        if request.path[:1] == (ADMIN,):
            return self._act(request)
        if request.path[:2] != API:
            raise not_found()
        if not any(hmac.compare_digest(request.token, each) for each in self.account.tokens):
            raise unauthorised()
        inner = Request(
            request.method, request.path[2:], request.params, request.token, request.body
        )
        resource = inner.path[0] if inner.path else ""
        self.account.calls[f"{inner.method} {resource}"] += 1
        fault = self.faults.take(inner.method, resource)
        if fault is not None:
            await self._before(fault, inner, headers)
        done = self._routes.carry_out(inner)
        if fault is not None:
            _after(fault)
        return done

    async def _before(self, fault: Fault, request: Request, headers: dict[str, str]) -> None:
        match fault.kind:
            case FaultKind.LATENCY:
                await asyncio.sleep(fault.seconds or 0)
            case FaultKind.BUSY:
                if fault.seconds is not None:
                    headers["retry-after"] = f"{fault.seconds:g}"
                raise Refused(429, "system", "Too many requests, please wait a moment")
            case FaultKind.DOWN:
                raise Refused(503, "system", "Service is unavailable")
            case FaultKind.HOLD:
                self.faults.hold(lambda: self._unheard(request))
                raise ConnectionDropped

    def _unheard(self, request: Request) -> None:
        """Carry out a held request; whatever it answers, nobody hears."""
        try:
            self._routes.carry_out(request)
        except Refused:
            return

    def _act(self, request: Request) -> tuple[int, object]:
        """An action of the office, by name. Raises Refused for one that does not fit."""
        name = request.path[1] if len(request.path) == 2 else ""
        if request.method != "POST" or name not in ACTIONS:
            raise not_found()
        action = validate_call(getattr(self.office, name))
        try:
            return 200, action(**request.body)
        except (ValidationError, ValueError) as error:
            raise Refused(422, "validation", str(error), "base") from error


def _after(fault: Fault) -> None:
    if fault.kind is FaultKind.DROP:
        raise ConnectionDropped
    if fault.kind is FaultKind.BROKEN:
        raise Refused(500, "system", "Internal error")


def create_app(
    token: str = TOKEN,
    account_id: str = ACCOUNT_ID,
    now: Callable[[], datetime] | None = None,
) -> Simulator:
    """A new, empty account. `now` replaces the real clock."""
    return Simulator(token, account_id, now)
