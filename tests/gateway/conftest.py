"""What the gateway's tests share: the application over a real database, and a way to call it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters import salesforce
from gateway.app import create_app
from tests.gateway import postbox
from tests.gateway.builders import NOW, SECRETS, make_landscape

ADAPTERS = {"salesforce": salesforce.ADAPTER, "postbox": postbox.ADAPTER}


@pytest.fixture
def app(engine: AsyncEngine) -> FastAPI:
    return create_app(
        engine,
        make_landscape(),
        SECRETS,
        environment_id="test",
        clock=lambda: NOW,
        adapters=ADAPTERS,
    )


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield client


class Rows:
    """Reads the database past the code under test."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def all(self, statement: str) -> list[tuple[object, ...]]:
        async with self._engine.connect() as connection:
            return [tuple(row) for row in await connection.execute(text(statement))]

    async def inbox(self) -> list[tuple[object, ...]]:
        return await self.all("SELECT source, notification_id FROM inbox ORDER BY id")

    async def change(self, statement: str) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(text(statement))


@pytest.fixture
def rows(engine: AsyncEngine) -> Rows:
    return Rows(engine)
