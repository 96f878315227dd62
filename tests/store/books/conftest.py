"""A second database beside the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count

import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.local.postgres import EmbeddedPostgres
from store.engine import create_engine
from tests.conftest import TEMPLATE

_numbers = count(1)


@pytest_asyncio.fixture
async def another_engine(postgres_cluster: EmbeddedPostgres) -> AsyncIterator[AsyncEngine]:
    name = f"another_{next(_numbers)}"
    await postgres_cluster.create_database(name, template=TEMPLATE)
    engine = create_engine(postgres_cluster.sqlalchemy_url(name), pool_size=5)
    yield engine
    await engine.dispose()
    await postgres_cluster.drop_database(name)
