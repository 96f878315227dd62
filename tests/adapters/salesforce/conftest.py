"""A bench per test: the adapter on a simulated organisation with one full won deal and five
more."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.adapters.salesforce.bench import SalesforceBench, open_bench


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[SalesforceBench]:
    async with open_bench() as opened:
        yield opened
