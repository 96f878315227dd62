"""The simulator's own honesty: it refuses what the platform refuses, in the platform's words."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn
from pydantic import SecretStr

from adapters.platforms.salesforce.oauth import JwtBearer
from adapters.platforms.salesforce.simulator.errors import Refusal
from adapters.platforms.salesforce.simulator.soql import parse
from adapters.salesforce.simulator import Simulator
from tests.adapters.salesforce.organisation import (
    CONSUMER_KEY,
    INSTANCE_URL,
    USERNAME,
    key_pair,
    make_app,
    make_deal,
)

DATA = "/services/data/v67.0"


class Client:
    """A logged-in client that shows answers as they are."""

    def __init__(self, http: httpx.AsyncClient, simulator: Simulator) -> None:
        self.http, self.simulator = http, simulator

    async def query(self, soql: str, resource: str = "query") -> Any:
        return (await self.http.get(f"{DATA}/{resource}", params={"q": soql})).json()

    async def refusal(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        answer = await self.http.request(method, DATA + path, json=body)
        return answer.status_code, answer.json()[0]["errorCode"]


async def log_in(http: httpx.AsyncClient) -> Mapping[str, str]:
    grant = JwtBearer(
        consumer_key=SecretStr(CONSUMER_KEY),
        username=USERNAME,
        audience="https://login.salesforce.com",
        private_key=SecretStr(key_pair().private_pem),
    )
    token = (await http.post("/services/oauth2/token", data=dict(grant.form()))).json()
    return {"Authorization": f"Bearer {token['access_token']}"}


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    app, simulator = make_app(page_size=2)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=INSTANCE_URL) as http:
        http.headers.update(await log_in(http))
        yield Client(http, simulator)


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Naem FROM Account", "INVALID_FIELD"),
        ("SELECT Id, Owner.Name FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Acount", "INVALID_TYPE"),
        ("SELECT Id, (SELECT Id FROM Lines) FROM Opportunity", "INVALID_TYPE"),
        ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE SystemModstamp >= '2026-01-01'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Name = 'it's'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE", "MALFORMED_QUERY"),
        ("SELECT FROM Account", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account LIMIT 1; DROP", "MALFORMED_QUERY"),
        ("", "MALFORMED_QUERY"),
    ],
)
async def test_a_query_that_the_platform_refuses_is_refused(
    client: Client, soql: str, code: str
) -> None:
    answer = await client.query(soql)
    assert answer[0]["errorCode"] == code


async def test_a_query_walks_parents_and_children_and_shows_empty_ones_as_null(
    client: Client,
) -> None:
    seeded = client.simulator.seed(make_deal())
    answer = await client.query(
        "SELECT Name, Account.Parent.Name, Amends_Opportunity__r.Name, "
        "(SELECT UnitPrice FROM OpportunityLineItems ORDER BY SortOrder DESC LIMIT 1), "
        f"(SELECT Id FROM OpportunityTeamMembers) FROM Opportunity WHERE Id = '{seeded[0][:15]}'"
    )
    row = answer["records"][0]
    assert row["Account"]["Parent"]["Name"] == "Falkenstein Holding AG"
    assert row["Amends_Opportunity__r"] is None
    assert [line["UnitPrice"] for line in row["OpportunityLineItems"]["records"]] == [0]
    assert row["OpportunityTeamMembers"] is None


async def test_pages_follow_a_relative_path_and_show_rows_as_they_are_now(
    client: Client,
) -> None:
    organisation = client.simulator.organisation
    ids = [organisation.create("Account", {"Name": name}) for name in ("a", "b", "c")]
    first = await client.query("SELECT Name FROM Account ORDER BY Name")
    organisation.update("Account", ids[2], {"Name": "changed"})
    second = (await client.http.get(first["nextRecordsUrl"])).json()
    assert (first["totalSize"], first["done"]) == (3, False)
    assert [row["Name"] for row in second["records"]] == ["changed"]
    assert (second["done"], "nextRecordsUrl" in second) == (True, False)


async def test_conditions_are_joined_and_texts_compared_without_case(client: Client) -> None:
    organisation = client.simulator.organisation
    for name, city in (("One", "Plauen"), ("Two", "Plauen"), ("Three", "Gera")):
        organisation.create("Account", {"Name": name, "BillingCity": city})
    answer = await client.query(
        "select Name from Account where BillingCity = 'PLAUEN' and Name in ('two', 'three')"
    )
    assert [row["Name"] for row in answer["records"]] == ["Two"]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"Nope__c": "x"}, "INVALID_FIELD"),
        ({"IsWon": True}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"Amount": "12 EUR"}, "JSON_PARSER_ERROR"),
        ({"CloseDate": "31.03.2026"}, "JSON_PARSER_ERROR"),
        ({"Last_Invoice_Number__c": "9" * 81}, "STRING_TOO_LONG"),
        ({"Billing_Status__c": "Sent"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"AccountId": "001Ab0000000ZZZ"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"AccountId": "1"}, "MALFORMED_ID"),
    ],
)
async def test_a_write_that_the_platform_refuses_changes_nothing(
    client: Client, values: dict[str, object], code: str
) -> None:
    deal = client.simulator.seed(make_deal()).opportunity
    before = dict(client.simulator.organisation.get("Opportunity", deal))
    assert await client.refusal("PATCH", f"/sobjects/Opportunity/{deal}", values) == (400, code)
    assert client.simulator.organisation.get("Opportunity", deal) == before


async def test_an_amount_with_line_items_is_their_sum_whatever_is_written(client: Client) -> None:
    deal = client.simulator.seed(make_deal()).opportunity
    await client.http.patch(f"{DATA}/sobjects/Opportunity/{deal}/", json={"Amount": 1})
    assert client.simulator.organisation.get("Opportunity", deal)["Amount"] == 24_600


async def test_absent_and_deleted_rows_differ(client: Client) -> None:
    account = client.simulator.organisation.create("Account", {"Name": "x"})
    await client.http.delete(f"{DATA}/sobjects/Account/{account}")
    absent = "001Ab0000000ZZZ"
    assert await client.refusal("GET", f"/sobjects/Account/{absent}") == (404, "NOT_FOUND")
    assert await client.refusal("GET", f"/sobjects/Account/{account}") == (404, "ENTITY_IS_DELETED")
    assert (await client.query("SELECT Id FROM Account", "queryAll"))["totalSize"] == 1


async def test_an_upsert_creates_once_and_then_updates(client: Client) -> None:
    path = f"{DATA}/sobjects/Account/Client_Key__c/C%201"
    first = await client.http.patch(path, json={"Name": "a"})
    second = await client.http.patch(path, json={"Name": "b"})
    assert (first.status_code, first.json()["created"]) == (201, True)
    assert (second.status_code, second.json()["created"]) == (200, False)
    assert first.json()["id"] == second.json()["id"]


async def test_two_rows_with_one_unique_key_are_refused(client: Client) -> None:
    body = {"Name": "a", "Client_Key__c": "C-1"}
    await client.http.post(f"{DATA}/sobjects/Account", json=body)
    assert await client.refusal("POST", "/sobjects/Account", body) == (400, "DUPLICATE_VALUE")
    assert await client.refusal("POST", "/sobjects/Account", {}) == (400, "REQUIRED_FIELD_MISSING")


async def test_a_row_changed_since_is_not_written(client: Client) -> None:
    account = client.simulator.organisation.create("Account", {"Name": "x"})
    headers = {"If-Unmodified-Since": "Tue, 31 Mar 2026 15:00:00 GMT"}
    path = f"{DATA}/sobjects/Account/{account}"
    answer = await client.http.patch(path, json={"Name": "y"}, headers=headers)
    assert answer.status_code == 412
    assert client.simulator.organisation.get("Account", account)["Name"] == "x"


async def test_a_hidden_field_is_neither_read_nor_written_nor_described(client: Client) -> None:
    client.simulator.organisation.types["Account"].hide("VAT_Id__c")
    account = client.simulator.organisation.create("Account", {"Name": "x"})
    described = (await client.http.get(f"{DATA}/sobjects/Account/describe")).json()
    assert "VAT_Id__c" not in {field["name"] for field in described["fields"]}
    assert (await client.query("SELECT VAT_Id__c FROM Account"))[0]["errorCode"] == "INVALID_FIELD"
    refusal = await client.refusal("PATCH", f"/sobjects/Account/{account}", {"VAT_Id__c": "x"})
    assert refusal == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")


async def test_no_token_a_retired_version_and_an_endless_uri_are_refused(client: Client) -> None:
    answer = await client.http.get(f"{DATA}/limits", headers={"Authorization": "Bearer x"})
    old = await client.http.get("/services/data/v30.0/limits")
    long = await client.http.get(f"{DATA}/query", params={"q": "x" * 17_000})
    assert (answer.status_code, old.status_code, long.status_code) == (401, 410, 414)


async def test_each_answer_tells_the_api_usage(client: Client) -> None:
    answer = await client.http.get(f"{DATA}/limits")
    assert answer.headers["sforce-limit-info"] == "api-usage=1/15000"
    assert answer.json()["DailyApiRequests"] == {"Max": 15_000, "Remaining": 14_999}


async def test_versions_are_told_without_a_token(client: Client) -> None:
    answer = await client.http.get("/services/data", headers={"Authorization": ""})
    assert answer.json()[-1] == {
        "version": "67.0",
        "url": "/services/data/v67.0",
        "label": "API 67",
    }


def test_a_query_beyond_the_platforms_length_is_refused() -> None:
    with pytest.raises(Refusal, match="100000"):
        parse("SELECT Id FROM Account WHERE Name = '" + "x" * 100_000 + "'")


@asynccontextmanager
async def served(app: object) -> AsyncIterator[str]:
    """The application on a real server at a free port of this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", lifespan="off")  # type: ignore[arg-type]  # ASGI frameworks type their app as they like
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


async def test_over_a_real_connection_a_lost_answer_is_a_cut_and_the_write_is_done() -> None:
    app, simulator = make_app()
    deal = simulator.seed(make_deal()).opportunity
    async with served(app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        http.headers.update(await log_in(http))
        order = {"kind": "answer_lost", "writes_only": True}
        assert (await http.post("/admin/faults", json=order)).status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            await http.patch(f"{DATA}/sobjects/Opportunity/{deal}", json={"Name": "renamed"})
    assert simulator.organisation.get("Opportunity", deal)["Name"] == "renamed"
