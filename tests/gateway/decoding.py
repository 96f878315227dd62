"""A gateway with its codec endpoint, and callers: the UI's browser, the CLI."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx
from prometheus_client import CollectorRegistry
from temporalio.api.common.v1 import Payload

from gateway.app import create_app
from gateway.codec import codec_endpoint
from gateway.metrics import GatewayMetrics
from runtime.codec import EncryptionCodec
from runtime.settings import PayloadKey, Settings
from store.engine import create_engine
from tests.gateway.builders import NOW, SECRETS, make_landscape
from tests.gateway.conftest import ADAPTERS

UI = "https://temporal.firm.example"
TOKEN, NEXT_TOKEN, BOS_TOKEN = "ada-" + "a" * 40, "ada-" + "b" * 40, "bo-" + "c" * 40
NOWHERE = "postgresql+asyncpg://nobody@127.0.0.1:1/nowhere"

PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'"7,500.38 EUR for Falkenstein"')


def key(name: str, fill: int) -> str:
    return f"{name}:{base64.b64encode(bytes([fill]) * 32).decode()}"


def reader(name: str, token: str) -> str:
    return f"{name}:{hashlib.sha256(token.encode()).hexdigest()}"


def make_settings(**changes: object) -> Settings:
    """Ada has two live tokens, Bo has one; keys `2026` and, from before, `2025`."""
    readers = (reader("ada", TOKEN), reader("ada", NEXT_TOKEN), reader("bo", BOS_TOKEN))
    values = {
        "payload_keys": f"{key('2026', 2)},{key('2025', 1)}",
        "codec_readers": ",".join(readers),
        "codec_ui_origin": UI,
        "temporal_namespace": "billing",
    }
    return Settings.model_validate({**values, **changes})


async def sealed(*payloads: Payload, with_key: str = key("2026", 2)) -> list[Payload]:
    return await EncryptionCodec([PayloadKey.parse(with_key)]).encode(payloads)


def in_json(payload: Payload) -> dict[str, object]:
    """As the UI and the server's HTTP API write it."""
    return {
        "metadata": {k: base64.b64encode(v).decode() for k, v in payload.metadata.items()},
        "data": base64.b64encode(payload.data).decode(),
    }


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@dataclass
class Caller:
    """Sends what a browser on a page of the UI sends, or the CLI, which has no origin."""

    http: httpx.AsyncClient
    headers: dict[str, str] = field(default_factory=dict)

    async def post(self, verb: str, *payloads: Payload, **headers: str | None) -> httpx.Response:
        body = {"payloads": [in_json(each) for each in payloads]}
        return await self.http.post(f"/codec/{verb}", json=body, headers=self._with(headers))

    async def send(self, verb: str, body: bytes, **headers: str | None) -> httpx.Response:
        return await self.http.post(f"/codec/{verb}", content=body, headers=self._with(headers))

    def _with(self, changes: dict[str, str | None]) -> dict[str, str]:
        """Names are written with underscores; None leaves one out."""
        named = {name.replace("_", "-"): value for name, value in changes.items()}
        merged = {**self.headers, **named}
        return {name: value for name, value in merged.items() if value is not None}

    async def sign_in(self, token: str) -> httpx.Response:
        """The session is kept by hand: the cookie is for https, and this is not."""
        answer = await self.http.post("/codec/sign-in", data={"token": token})
        given = answer.headers.get("set-cookie", "").partition(";")[0]
        if given:
            self.headers["cookie"] = given
        return answer


@dataclass
class Gateway:
    """What tests ask and look at."""

    http: httpx.AsyncClient
    clock: Clock

    def browser(self) -> Caller:
        headers = {"origin": UI, "x-namespace": "billing", "content-type": "application/json"}
        return Caller(self.http, headers)

    def cli(self, token: str = TOKEN) -> Caller:
        headers = {
            "authorization": f"Bearer {token}",
            "x-namespace": "billing",
            "content-type": "application/json",
        }
        return Caller(self.http, headers)

    async def metrics(self) -> str:
        return (await self.http.get("/metrics")).text


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Gateway]:
    """Over a database that is not there: no payload needs one."""
    clock, metrics = Clock(), GatewayMetrics(CollectorRegistry())
    app = create_app(
        create_engine(NOWHERE),
        make_landscape(),
        SECRETS,
        environment_id="test",
        adapters=ADAPTERS,
        metrics=metrics,
        codec=codec_endpoint(settings, metrics, clock),
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
        yield Gateway(http, clock)
