"""Servers that every folder's tests may use: one PostgreSQL, a database for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.local.postgres import EmbeddedPostgres
from store import migrations
from store.engine import create_engine
from tests.memory_disk import memory_disk

TEMPLATE = "migrated"
_numbers = count(1)


@pytest_asyncio.fixture(scope="session")
async def postgres_cluster(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[EmbeddedPostgres]:
    """A real server whose database `migrated` is at head; tests copy it and never enter it."""
    with memory_disk(tmp_path_factory.mktemp("postgres")) as directory:
        async with EmbeddedPostgres(directory, durable=False) as cluster:
            await cluster.create_database(TEMPLATE)
            await migrations.upgrade(cluster.sqlalchemy_url(TEMPLATE))
            yield cluster


@pytest_asyncio.fixture
async def database_url(postgres_cluster: EmbeddedPostgres) -> AsyncIterator[str]:
    """A migrated database of this test's own."""
    name = f"test_{next(_numbers)}"
    await postgres_cluster.create_database(name, template=TEMPLATE)
    yield postgres_cluster.sqlalchemy_url(name)
    await postgres_cluster.drop_database(name)


@pytest_asyncio.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database_url, pool_size=5)
    yield engine
    await engine.dispose()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The end-to-end files first, after the shuffle: they are the longest, and one that began last
    would keep one core waiting for it."""
    items.sort(key=lambda item: "e2e" not in item.path.parts)
