"""What the tests of the plumbing share: an environment without our variables, keys, a server."""

import base64
import os
from collections.abc import AsyncIterator

import pytest

from runtime.local.temporal_server import TemporalOptions, TemporalServer
from runtime.settings import PREFIX, PayloadKey

CODEC = "http://127.0.0.1:1/codec"


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No C2C_ variable is set, whatever the shell that started the tests has."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture(scope="module")
async def temporal_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[TemporalServer]:
    options = TemporalOptions(
        search_attributes={"ClientId": "Keyword"}, with_ui=True, codec_endpoint=CODEC
    )
    async with TemporalServer(tmp_path_factory.mktemp("temporal"), options) as server:
        yield server


def encoded_key(fill: int) -> str:
    """The base64 text of a key whose 32 bytes are all `fill`."""
    return base64.b64encode(bytes([fill]) * 32).decode()


def make_key(key_id: str, fill: int) -> PayloadKey:
    return PayloadKey.parse(f"{key_id}:{encoded_key(fill)}")
