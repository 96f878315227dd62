"""One firm for all tests that break no server; the others start their own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.firm import Firm, running_firm


@pytest_asyncio.fixture(scope="package")
async def firm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Firm]:
    async with running_firm(tmp_path_factory.mktemp("firm")) as firm:
        yield firm
