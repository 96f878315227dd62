"""The adapter over the real server, through a proxy of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from adapters.tryton import build
from adapters.tryton.local.admin import Accountant
from adapters.tryton.simulator import FaultProxy
from canonical.ports import Erp
from tests.adapters.tryton.builders import make_context
from tests.adapters.tryton.plant import Plant, plant_of


@pytest.fixture(scope="session")
def plant(request: pytest.FixtureRequest) -> Plant:
    return plant_of(request)


@pytest_asyncio.fixture
async def proxy(plant: Plant) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(plant.server.url) as proxy:
        yield proxy


@pytest_asyncio.fixture
async def erp(plant: Plant, proxy: FaultProxy) -> AsyncIterator[Erp]:
    password = plant.erp.prepared.credentials.api_password
    ports = build(make_context(proxy.url, plant.server.database, password))
    assert ports.erp is not None
    yield ports.erp
    await ports.close()


@pytest_asyncio.fixture
async def accountant(plant: Plant) -> AsyncIterator[Accountant]:
    async with plant.accountant() as accountant:
        yield accountant
