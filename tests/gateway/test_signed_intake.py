"""The signed intake over HTTP: stored once and wholly, or refused without a trace."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from structlog.testing import capture_logs

from gateway.bodies import BODY_BYTES_MAX
from tests.gateway.builders import (
    NEXT_SECRET,
    as_body,
    make_deal_closed,
    make_event,
    make_expense,
    make_time_entry,
    signed_headers,
)
from tests.gateway.conftest import Rows

URL = "/hooks/events/expenses"


async def send(
    http: httpx.AsyncClient, *events: dict[str, object], webhook_id: str = "msg-1"
) -> httpx.Response:
    body = as_body(*events)
    headers = signed_headers(body, webhook_id=webhook_id)
    return await http.post(URL, content=body, headers=headers)


async def test_a_signed_delivery_is_stored_one_row_per_event(
    http: httpx.AsyncClient, rows: Rows
) -> None:
    answer = await send(http, make_event(1), make_event(2))
    assert (answer.status_code, answer.json()) == (202, {"accepted": 2, "duplicates": 0})
    assert await rows.inbox() == [("expenses", "msg-1#0"), ("expenses", "msg-1#1")]


async def test_a_delivery_that_is_repeated_is_acknowledged_and_changes_nothing(
    http: httpx.AsyncClient, rows: Rows
) -> None:
    await send(http, make_event(1))
    again = await send(http, make_event(1))
    assert (again.status_code, again.json()) == (200, {"accepted": 0, "duplicates": 1})
    assert len(await rows.inbox()) == 1


async def test_the_next_secret_of_a_rotation_is_accepted_and_counted(
    http: httpx.AsyncClient,
) -> None:
    body = as_body(make_event(1))
    headers = signed_headers(body, secret=NEXT_SECRET)
    assert (await http.post(URL, content=body, headers=headers)).status_code == 202
    metrics = (await http.get("/metrics")).text
    assert 'c2c_gateway_proofs_total{secret="signing_next",source="expenses"} 1.0' in metrics


async def test_every_kind_of_bad_signature_has_one_and_the_same_answer(
    http: httpx.AsyncClient, rows: Rows
) -> None:
    body = as_body(make_event(1))
    right = signed_headers(body)
    answers = [
        await http.post(URL, content=body + b" ", headers=right),
        await http.post(URL, content=body, headers=right | {"webhook-timestamp": "1789999699"}),
        await http.post(URL, content=body, headers=right | {"webhook-signature": "v1,AAAA"}),
        await http.post(URL, content=body, headers=right | {"webhook-id": "other"}),
        await http.post(URL, content=body),
        await http.post("/hooks/events/crm-one", content=body, headers=right),
        await http.post("/hooks/events/nobody", content=body, headers=right),
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, "Unauthorized")}
    assert await rows.inbox() == []


async def test_json_that_was_written_anew_is_refused_though_it_means_the_same(
    http: httpx.AsyncClient,
) -> None:
    body = as_body(make_event(1))
    rewritten = json.dumps(json.loads(body), indent=1).encode()
    answer = await http.post(URL, content=rewritten, headers=signed_headers(body))
    assert answer.status_code == 401


async def test_bytes_are_verified_as_they_came_with_their_line_ends(
    http: httpx.AsyncClient,
) -> None:
    body = json.dumps(make_event(1), indent=1).replace("\n", "\r\n").encode() + b"\r\n"
    answer = await http.post(URL, content=body, headers=signed_headers(body))
    assert answer.status_code == 202


async def test_events_that_cannot_be_used_are_told_and_nothing_of_them_is_stored(
    http: httpx.AsyncClient, rows: Rows
) -> None:
    entry = make_time_entry(hours="-3")
    bad = make_event(2, source="expenses", type="time.approved", items=[entry])
    answer = await send(http, make_event(1), bad)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    (error,) = answer.json()["errors"]
    assert (error["event"], error["field"]) == (1, "items.0.hours")
    assert error["reason"] == "Input should be greater than or equal to 0"
    assert "recall" in error["remedy"]
    assert await rows.inbox() == []


async def test_mixed_currencies_are_told_to_the_sender(http: httpx.AsyncClient) -> None:
    francs = make_expense(2, cost={"amount": "5.00", "currency": "CHF"})
    answer = await send(http, make_event(1, items=[make_expense(1), francs]))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "items.1.cost.currency"


CLIENT, PROJECT, CONTRACT = (f"00000000-0000-0000-0000-00000000000{n}" for n in (1, 2, 3))
ENGAGEMENT_BILLED_IN_FRANCS = [
    "INSERT INTO engagement (id, deal_system, deal_kind, deal_id)"
    " VALUES ('e', 'crm-one', 'opportunity', '1')",
    "INSERT INTO client (id, code, name, name_folded, body)"
    f" VALUES ('{CLIENT}', 'C', 'C', 'c', '{{}}')",
    "INSERT INTO project (id, engagement_id, client_id, legal_entity, code, body)"
    f" VALUES ('{PROJECT}', 'e', '{CLIENT}', 'DE01', 'P-1', '{{}}')",
    "INSERT INTO contract_version (contract_id, version, engagement_id, effective_from, body)"
    f""" VALUES ('{CONTRACT}', 1, 'e', '2026-01-01', '{{"currency": "CHF"}}')""",
    "INSERT INTO identity_link (system, kind, external_id, noun, noun_id)"
    f" VALUES ('psa-one', 'project', '77', 'project', '{PROJECT}')",
]


async def test_a_cost_in_another_currency_than_the_contracts_is_told_to_the_sender(
    http: httpx.AsyncClient, rows: Rows
) -> None:
    for statement in ENGAGEMENT_BILLED_IN_FRANCS:
        await rows.change(statement)
    answer = await send(http, make_event(1))
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == "items.0.cost.currency"
    assert error["reason"] == (
        "the cost of X-1 is in EUR, and project psa-one/project/77 is billed in CHF"
    )
    assert await rows.inbox() == []
    francs = make_expense(cost={"amount": "119.50", "currency": "CHF"})
    assert (await send(http, make_event(2, items=[francs]), webhook_id="m")).status_code == 202


async def test_a_source_that_asserts_what_it_does_not_own_is_told_so(
    http: httpx.AsyncClient, rows: Rows
) -> None:
    answer = await send(http, make_event(1), make_deal_closed(2, source="expenses"))
    assert answer.status_code == 403
    (error,) = answer.json()["errors"]
    assert error["event"] == 1
    assert "deal.lines belongs to the crm" in error["reason"]
    assert await rows.inbox() == []


async def test_an_announced_body_over_the_limit_is_refused_unread(
    http: httpx.AsyncClient,
) -> None:
    read = False

    async def watched() -> AsyncIterator[bytes]:
        nonlocal read
        read = True
        yield b" " * (BODY_BYTES_MAX + 1)

    headers = {"content-length": str(BODY_BYTES_MAX + 1)}
    answer = await http.post(URL, content=watched(), headers=headers)
    assert (answer.status_code, read) == (413, False)


async def test_a_chunked_body_is_refused_at_the_first_chunk_beyond_the_limit(
    http: httpx.AsyncClient,
) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b" " * 64_000

    answer = await http.post(URL, content=endless())
    assert answer.status_code == 413
    assert read <= BODY_BYTES_MAX // 64_000 + 2


async def test_a_body_of_exactly_the_limit_is_read(http: httpx.AsyncClient) -> None:
    body = as_body(make_event(1)).ljust(BODY_BYTES_MAX)
    answer = await http.post(URL, content=body, headers=signed_headers(body))
    assert answer.status_code == 202


@pytest.mark.parametrize("announced", ["-1", "x", "٣"])
async def test_a_length_that_is_no_number_does_not_replace_the_count(
    http: httpx.AsyncClient, announced: str
) -> None:
    body = b" " * (BODY_BYTES_MAX + 1)
    headers = {b"content-length": announced.encode()}
    answer = await http.post(URL, content=body, headers=headers)
    assert answer.status_code == 413


async def test_the_log_has_the_reason_and_neither_body_nor_secret(
    http: httpx.AsyncClient,
) -> None:
    body = as_body(make_event(1, note="confidential"))
    with capture_logs() as logs:
        await http.post(
            URL, content=body, headers=signed_headers(body, webhook_id="m") | {"webhook-id": "n"}
        )
    (entry,) = logs
    assert entry["event"] == "delivery.refused"
    assert entry["reason"] == "no signature fits any active secret"
    assert "confidential" not in str(entry)
    assert "whsec" not in str(entry)
