"""One Temporal server for the folder; each test has a bench of its own, in both cache modes."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from runtime.local.temporal_server import TemporalServer
from runtime.temporal import data_converter
from tests.workflows.bench import SERVER_OPTIONS, Bench, open_bench

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
async def temporal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TemporalServer]:
    directory = Path(tmp_path_factory.mktemp("temporal"))
    async with TemporalServer(directory, SERVER_OPTIONS) as server:
        yield server
        await server.kill()  # nothing in it is worth an orderly stop, which waits for long polls


@pytest.fixture(scope="session")
async def client(temporal: TemporalServer) -> Client:
    return await Client.connect(temporal.address, data_converter=data_converter())


@pytest.fixture(params=[1000, 0], ids=["cached", "uncached"])
def cache_size(request: pytest.FixtureRequest) -> int:
    """Each test runs twice: with a cache, and replaying from the start at each task."""
    return int(request.param)


@pytest.fixture
async def bench(client: Client, cache_size: int) -> AsyncIterator[Bench]:
    async with open_bench(client, next(_numbers), cache_size) as bench:
        yield bench
