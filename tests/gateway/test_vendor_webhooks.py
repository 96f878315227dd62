"""Vendors' webhooks over HTTP: Salesforce's envelopes, and a small vendor that does the rest."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from canonical.errors import SetupInvalid
from gateway.app import create_app
from store.engine import create_engine
from tests.gateway.builders import NOW, ORGANISATION, PATH_SECRET, SECRETS, make_landscape
from tests.gateway.conftest import ADAPTERS, Rows
from tests.gateway.postbox import BODY_BYTES_MAX

SALESFORCE = f"/hooks/salesforce/crm-one/{PATH_SECRET}"
POSTBOX = f"/hooks/postbox/postbox/{PATH_SECRET}"


def notification(number: int) -> str:
    return (
        f"<Notification><Id>04lAb{number:010d}</Id>"
        '<sObject xsi:type="sf:Opportunity" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">'
        f"<sf:Id>006Ab{number:010d}</sf:Id><sf:IsWon>true</sf:IsWon>"
        "<sf:SystemModstamp>2026-03-31T16:05:09.000Z</sf:SystemModstamp>"
        "</sObject></Notification>"
    )


def envelope(count: int = 1, *, organisation: str = ORGANISATION, prolog: str = "") -> bytes:
    notifications = "".join(notification(number) for number in range(count))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{prolog}'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
        '<notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
        f"<OrganizationId>{organisation}</OrganizationId><ActionId>04kAb0000004C9SIAU</ActionId>"
        f"{notifications}</notifications></soapenv:Body></soapenv:Envelope>"
    ).encode()


async def test_an_envelope_is_stored_then_acknowledged_in_soap(
    http: httpx.AsyncClient, rows: Rows
) -> None:
    answer = await http.post(SALESFORCE, content=envelope())
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    assert "<Ack>true</Ack>" in answer.text
    assert [source for source, _ in await rows.inbox()] == ["crm-one"]


async def test_a_hundred_notifications_of_one_envelope_are_a_hundred_rows(
    http: httpx.AsyncClient, rows: Rows
) -> None:
    assert (await http.post(SALESFORCE, content=envelope(100))).status_code == 200
    assert len(set(await rows.inbox())) == 100


async def test_an_envelope_that_comes_again_in_part_adds_only_what_is_new(
    http: httpx.AsyncClient, rows: Rows
) -> None:
    await http.post(SALESFORCE, content=envelope(3))
    again = await http.post(SALESFORCE, content=envelope(5))
    assert again.status_code == 200
    assert len(await rows.inbox()) == 5


ENTITY = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
FILE = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
BAD = [
    pytest.param(envelope()[:-40], 400, id="truncated"),
    pytest.param(envelope(prolog=ENTITY), 400, id="entities"),
    pytest.param(envelope(prolog=FILE), 400, id="external entity"),
    pytest.param(envelope(101), 400, id="more than a hundred"),
    pytest.param(envelope(0), 400, id="no notification"),
    pytest.param(b"\xff\xfe\x00garbage", 400, id="no xml"),
    pytest.param(b"", 400, id="empty"),
    pytest.param(envelope(organisation="00DZz00000099ZzMAI"), 403, id="other organisation"),
]


@pytest.mark.parametrize(("body", "status"), BAD)
async def test_a_bad_envelope_is_refused_without_detail_and_stores_nothing(
    http: httpx.AsyncClient, rows: Rows, body: bytes, status: int
) -> None:
    answer = await http.post(SALESFORCE, content=body)
    assert (answer.status_code, answer.text) in ((400, "Bad Request"), (403, "Forbidden"))
    assert answer.status_code == status
    assert await rows.inbox() == []


async def test_every_path_that_is_not_exactly_right_has_one_and_the_same_answer(
    http: httpx.AsyncClient, rows: Rows
) -> None:
    paths = [
        f"{SALESFORCE}x",
        SALESFORCE[:-1],
        f"/hooks/salesforce/crm-two/{PATH_SECRET}",
        f"/hooks/postbox/crm-one/{PATH_SECRET}",
        f"/hooks/postbox/unpublished/{PATH_SECRET}",
        f"/hooks/nothing/postbox/{PATH_SECRET}",
        f"/hooks/salesforce/crm-one/{'é' * 20}",
        f"/hooks/salesforce/crm-one/{'x' * 5_000}",
        f"{SALESFORCE}/",
        "/nowhere",
    ]
    answers = [await http.post(path, content=envelope()) for path in paths]
    assert {(answer.status_code, answer.text) for answer in answers} == {(404, "Not Found")}
    assert await rows.inbox() == []


async def test_a_wrong_path_is_answered_before_its_body_is_read(http: httpx.AsyncClient) -> None:
    answer = await http.post(f"{SALESFORCE}x", content=b"x" * 5_000_000)
    assert answer.status_code == 404


async def test_a_vendor_has_a_limit_of_its_own(http: httpx.AsyncClient, rows: Rows) -> None:
    within = b"n-1 nothing".ljust(BODY_BYTES_MAX)
    assert (await http.post(POSTBOX, content=within)).status_code == 200
    assert (await http.post(POSTBOX, content=within + b" ")).status_code == 413
    assert len(await rows.inbox()) == 1


async def test_a_vendors_own_status_and_acknowledgement_are_kept(http: httpx.AsyncClient) -> None:
    forged = await http.post(POSTBOX, content=b"n-1 deal", headers={"X-Postbox": "forged"})
    assert (forged.status_code, forged.text) == (498, "Refused")
    assert (await http.post(POSTBOX, content=b"n-1 deal")).text == "stamped"


async def test_the_log_never_has_the_path_secret(http: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        await http.post(SALESFORCE, content=b"<broken")
        await http.post(f"{SALESFORCE}x", content=b"")
    assert [entry["status"] for entry in logs] == [400, 404]
    assert PATH_SECRET not in str(logs)


async def test_while_the_database_is_away_the_vendor_is_asked_to_deliver_again(
    engine: AsyncEngine, rows: Rows
) -> None:
    away = create_engine("postgresql+asyncpg://nobody@127.0.0.1:1/nowhere")
    answer = await post(make_app(away), POSTBOX, b"n-1 deal")
    assert (answer.status_code, answer.text) == (503, "Service Unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert await rows.inbox() == []
    assert (await post(make_app(engine), POSTBOX, b"n-1 deal")).status_code == 200
    assert await rows.inbox() == [("postbox", "n-1")]


async def test_what_fails_in_the_middle_of_a_delivery_stores_none_of_it(
    engine: AsyncEngine, rows: Rows
) -> None:
    await rows.change("ALTER TABLE inbox ADD CHECK (notification_id <> 'n-2')")
    answer = await post(make_app(engine), POSTBOX, b"n-1 deal\nn-2 deal\nn-3 deal")
    assert answer.status_code == 503
    assert await rows.inbox() == []


async def test_a_delivery_whose_acknowledgement_was_lost_is_one_row_after_it_came_again(
    engine: AsyncEngine, rows: Rows
) -> None:
    """The process dies between commit and answer: the vendor hears nothing and delivers again."""
    app = make_app(engine)

    async def dies_before_it_answers(scope, receive, send):  # type: ignore[no-untyped-def]
        async def gone(_message: object) -> None:
            raise ConnectionResetError("the process was killed")

        await app(scope, receive, gone)

    with pytest.raises(ConnectionResetError):
        await post(dies_before_it_answers, POSTBOX, b"n-1 deal")  # type: ignore[arg-type]
    assert await rows.inbox() == [("postbox", "n-1")]
    assert (await post(app, POSTBOX, b"n-1 deal")).text == "stamped"
    assert await rows.inbox() == [("postbox", "n-1")]


@pytest.mark.parametrize("secret", ["", "short", "with a blank in it", "with/a/slash/in/it"])
def test_a_path_secret_that_could_be_guessed_is_refused_at_start(
    engine: AsyncEngine, secret: str
) -> None:
    secrets = SECRETS | {"postbox": {"webhook_path": SecretStr(secret)}}
    with pytest.raises(SetupInvalid, match="is not a path secret") as refused:
        create_app(engine, make_landscape(), secrets, environment_id="test", adapters=ADAPTERS)
    assert not secret or secret not in str(refused.value).replace("'webhook_path'", "")


def test_a_landscape_of_another_environment_is_refused_at_start(engine: AsyncEngine) -> None:
    with pytest.raises(SetupInvalid, match="belongs to the environment 'test'"):
        create_app(
            engine, make_landscape(), SECRETS, environment_id="production", adapters=ADAPTERS
        )


def make_app(engine: AsyncEngine) -> FastAPI:
    return create_app(
        engine,
        make_landscape(),
        SECRETS,
        environment_id="test",
        clock=lambda: NOW,
        adapters=ADAPTERS,
    )


async def post(app: FastAPI, url: str, body: bytes) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        return await client.post(url, content=body)
