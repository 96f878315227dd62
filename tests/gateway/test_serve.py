"""The whole process: real sockets, real database, from settings and a landscape file."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from canonical.errors import SetupInvalid
from gateway.bodies import BODY_BYTES_MAX
from gateway.serve import HEADER_BYTES_MAX, serve
from runtime.settings import Settings
from tests.gateway.builders import SECRET, as_body, make_entity, make_event, signed_headers
from tests.gateway.conftest import Rows


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    (tmp_path / "signing").write_text(SECRET)
    expenses = {"name": "expenses", "adapter": "push", "secrets": {"signing": {"file": "signing"}}}
    landscape = {
        "environment": "test",
        "systems": [expenses, {"name": "psa-one", "adapter": "push"}],
        "entities": [make_entity("DE01", {"expenses": "expenses"})],
    }
    path = tmp_path / "landscape.yaml"
    path.write_text(json.dumps(landscape))  # JSON is YAML
    return Settings(
        environment_id="test",
        database_url=SecretStr(database_url),
        temporal_address="127.0.0.1:1",
        landscape_path=path,
        gateway_port=0,
    )


@asynccontextmanager
async def serving(settings: Settings, **parts: bool) -> AsyncIterator[str]:
    """The address of a gateway that runs until the end of the block."""
    urls: asyncio.Queue[str] = asyncio.Queue()
    stop = asyncio.Event()
    running = asyncio.create_task(serve(settings, stop=stop, on_ready=urls.put_nowait, **parts))
    try:
        async with asyncio.timeout(20):
            url = await urls.get()
        yield url
    finally:
        stop.set()
        async with asyncio.timeout(20):
            await running


async def deliver(url: str) -> int:
    body = as_body(make_event(1))
    headers = signed_headers(body, at=datetime.now(UTC))
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(f"{url}/hooks/events/expenses", content=body, headers=headers)
    return answer.status_code


async def wait_for(rows: Rows, statement: str) -> list[tuple[object, ...]]:
    async with asyncio.timeout(10):
        while not (found := await rows.all(statement)):  # noqa: ASYNC110 - another process's row
            await asyncio.sleep(0.02)
    return found


async def test_a_delivery_over_a_real_socket_becomes_a_work_item_though_temporal_is_away(
    settings: Settings, rows: Rows
) -> None:
    async with serving(settings) as url:
        assert await deliver(url) == 202
        assert await wait_for(rows, "SELECT external_id FROM work_item") == [("X-1",)]


async def test_without_its_relay_it_only_stores(settings: Settings, rows: Rows) -> None:
    async with serving(settings, relay=False) as url:
        assert await deliver(url) == 202
    assert await rows.all("SELECT state FROM inbox") == [("new",)]


async def test_sigterm_ends_it_gracefully(settings: Settings, rows: Rows) -> None:
    async with serving(settings) as url:
        assert await deliver(url) == 202
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert len(await rows.inbox()) == 1


async def exchange(url: str, raw: bytes) -> bytes:
    """What the server says to raw bytes, until it closes the connection."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(raw)
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


START = b"POST /hooks/events/expenses HTTP/1.1\r\nHost: gateway\r\n"


async def test_a_body_without_length_or_end_is_cut_off(settings: Settings, rows: Rows) -> None:
    first_chunk = f"Transfer-Encoding: chunked\r\n\r\n{BODY_BYTES_MAX + 100:x}\r\n".encode()
    async with serving(settings, relay=False) as url:
        answer = await exchange(url, START + first_chunk + b" " * (BODY_BYTES_MAX + 1))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert await rows.inbox() == []


async def test_a_header_without_end_is_cut_off(settings: Settings) -> None:
    endless = (START + b"X: ").ljust(HEADER_BYTES_MAX + 1, b"x")
    async with serving(settings, relay=False) as url:
        assert (await exchange(url, endless)).startswith(b"HTTP/1.1 400 ")


async def test_a_port_that_is_taken_is_said_with_the_remedy(settings: Settings) -> None:
    async with serving(settings, relay=False) as url:
        taken = settings.model_copy(update={"gateway_port": int(url.rsplit(":", 1)[1])})
        with pytest.raises(SetupInvalid, match="C2C_GATEWAY_PORT"):
            await serve(taken)


async def test_a_landscape_of_another_environment_stops_the_start(settings: Settings) -> None:
    with pytest.raises(SetupInvalid, match="belongs to the environment 'test'"):
        await serve(settings.model_copy(update={"environment_id": "production"}))


async def test_a_database_of_another_environment_stops_the_start(
    settings: Settings, rows: Rows
) -> None:
    await rows.change("INSERT INTO database_environment (name) VALUES ('production')")
    with pytest.raises(SetupInvalid, match="the database belongs to the environment 'production'"):
        await serve(settings)
