"""Health, readiness and metrics."""

from __future__ import annotations

import httpx

from gateway.app import create_app
from store.engine import create_engine
from tests.gateway.builders import PATH_SECRET, SECRETS, make_landscape
from tests.gateway.conftest import ADAPTERS, Rows


async def test_with_a_migrated_database_it_is_ready(http: httpx.AsyncClient) -> None:
    assert (await http.get("/healthz")).status_code == 200
    assert (await http.get("/readyz")).status_code == 200


async def test_a_schema_that_is_not_at_head_is_not_ready(
    http: httpx.AsyncClient, rows: Rows
) -> None:
    await rows.change("UPDATE alembic_version SET version_num = 'older'")
    answer = await http.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "Service Unavailable")


async def test_without_a_database_it_is_healthy_but_not_ready() -> None:
    away = create_engine("postgresql+asyncpg://nobody@127.0.0.1:1/nowhere")
    app = create_app(away, make_landscape(), SECRETS, environment_id="test", adapters=ADAPTERS)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/readyz")).status_code == 503


async def test_deliveries_are_counted_by_route_and_status(http: httpx.AsyncClient) -> None:
    await http.post(f"/hooks/postbox/postbox/{PATH_SECRET}", content=b"n-1 deal\nn-2 deal")
    await http.post("/hooks/events/nobody", content=b"{}")
    metrics = (await http.get("/metrics")).text
    assert 'c2c_gateway_deliveries_total{route="vendor",status="200"} 1.0' in metrics
    assert 'c2c_gateway_deliveries_total{route="events",status="401"} 1.0' in metrics
    assert 'c2c_gateway_notifications_total{outcome="new",source="postbox"} 2.0' in metrics


async def test_it_has_no_pages_about_itself(http: httpx.AsyncClient) -> None:
    answers = [await http.get(path) for path in ("/docs", "/redoc", "/openapi.json", "/")]
    assert {answer.status_code for answer in answers} == {404}
