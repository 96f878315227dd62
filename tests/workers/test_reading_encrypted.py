"""Temporal's own command line reads encrypted workflows by the gateway's codec endpoint, or not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from gateway.codec import BODY_BYTES_MAX
from runtime.local.temporal_server import temporal_program
from runtime.settings import Settings
from runtime.temporal import connect
from tests.gateway.test_serve import exchange, serving
from tests.runtime.conftest import encoded_key

TOKEN = "reader-" + "t" * 40
SAID = "7,500.38 EUR for Falkenstein"
IN_BASE64 = base64.b64encode(f'"{SAID}"'.encode()).decode()
"""As the command line prints a payload that it could decode."""


@pytest.fixture
def encrypting(connected: Settings) -> Settings:
    """Settings with a payload key, and with a reader."""
    return Settings.model_validate(
        {
            **connected.model_dump(),
            "payload_keys": f"first:{encoded_key(1)}",
            "codec_readers": f"ada:{hashlib.sha256(TOKEN.encode()).hexdigest()}",
        }
    )


@pytest.fixture
async def gateway(encrypting: Settings) -> AsyncIterator[str]:
    async with serving(encrypting, relay=False) as url:
        yield url


async def start_workflow(settings: Settings) -> str:
    """A workflow that no worker takes up: its input is what matters."""
    client = await connect(settings)
    name = f"sealed-{uuid4()}"
    await client.start_workflow("Sleeper", SAID, id=name, task_queue="nobody")
    return name


async def shown(settings: Settings, workflow: str, *options: str) -> tuple[int | None, str]:
    """Exit code and words of `temporal workflow show`."""
    child = await asyncio.create_subprocess_exec(
        *(temporal_program(), "workflow", "show", "--address", settings.temporal_address),
        *("--workflow-id", workflow, "--output", "json", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
        words, _ = await child.communicate()
    return child.returncode, words.decode()


async def test_with_a_token_the_command_line_shows_what_a_workflow_was_given(
    encrypting: Settings, gateway: str
) -> None:
    workflow = await start_workflow(encrypting)
    code, sealed = await shown(encrypting, workflow)
    assert (code, IN_BASE64 in sealed) == (0, False)
    options = ("--codec-endpoint", f"{gateway}/codec", "--codec-auth", f"Bearer {TOKEN}")
    code, opened = await shown(encrypting, workflow, *options)
    assert (code, IN_BASE64 in opened) == (0, True)


async def test_a_body_that_is_announced_too_large_is_refused_before_it_comes(gateway: str) -> None:
    head = (
        "POST /codec/decode HTTP/1.1\r\nHost: gateway\r\nX-Namespace: default\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {BODY_BYTES_MAX + 1}\r\n\r\n"
    )
    answer = await exchange(gateway, head.encode())
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in answer


async def test_a_gateway_without_readers_decodes_nothing(connected: Settings) -> None:
    async with serving(connected, relay=False) as url, httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(
            f"{url}/codec/decode",
            json={"payloads": []},
            headers={"authorization": f"Bearer {TOKEN}", "x-namespace": "default"},
        )
    assert answer.status_code == 404
