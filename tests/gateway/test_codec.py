"""The codec endpoint: what it decodes, for whom, from where, and all that it refuses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from structlog.testing import capture_logs
from temporalio.api.common.v1 import Payload

from gateway.codec import BODY_BYTES_MAX
from gateway.codec_access import REFUSALS_PER_MINUTE_MAX
from gateway.codec_payloads import PAYLOADS_MAX
from tests.gateway.decoding import (
    BOS_TOKEN,
    NEXT_TOKEN,
    PLAIN,
    TOKEN,
    UI,
    Gateway,
    in_json,
    key,
    make_settings,
    reader,
    sealed,
    serving,
)


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with serving(make_settings()) as running:
        yield running


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and detail of a problem document."""
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == answer.status_code
    return told["status"], told["detail"]


# -- what it does


async def test_a_sealed_payload_is_read_in_the_form_in_which_it_was_asked(gateway: Gateway) -> None:
    answer = await gateway.cli().post("decode", *await sealed(PLAIN, PLAIN))
    assert answer.status_code == 200
    assert answer.json() == {"payloads": [in_json(PLAIN), in_json(PLAIN)]}
    assert answer.headers["cache-control"] == "no-store"


async def test_what_a_person_types_into_a_signal_form_comes_back_sealed(gateway: Gateway) -> None:
    cli = gateway.cli()
    answer = await cli.post("encode", PLAIN)
    assert b"Falkenstein" not in answer.content
    decoded = await cli.send("decode", answer.content)
    assert decoded.json() == {"payloads": [in_json(PLAIN)]}


async def test_the_ui_asks_with_a_query_that_changes_nothing(gateway: Gateway) -> None:
    answer = await gateway.cli().post("decode?preserveStorageRefs=true", *await sealed(PLAIN))
    assert answer.json() == {"payloads": [in_json(PLAIN)]}


async def test_payloads_that_were_never_sealed_pass_through(gateway: Gateway) -> None:
    empty = Payload(metadata={"encoding": b"binary/null"})
    answer = await gateway.cli().post("decode", PLAIN, empty)
    assert answer.json()["payloads"] == [
        in_json(PLAIN),
        {"metadata": in_json(empty)["metadata"]},
    ]


@pytest.mark.parametrize("body", [b"{}", b'{"payloads": null}', b'{"payloads": []}'])
async def test_no_payload_is_as_the_protobuf_form_writes_it(gateway: Gateway, body: bytes) -> None:
    answer = await gateway.cli().send("decode", body)
    assert (answer.status_code, answer.json()) == (200, {"payloads": []})


async def test_a_payload_of_an_older_key_that_is_still_configured_is_read(gateway: Gateway) -> None:
    [old] = await sealed(PLAIN, with_key=key("2025", 1))
    assert (await gateway.cli().post("decode", old)).json() == {"payloads": [in_json(PLAIN)]}


# -- who


@pytest.mark.parametrize("token", [TOKEN, NEXT_TOKEN, BOS_TOKEN], ids=["old", "new", "another's"])
async def test_every_live_token_is_let_in(gateway: Gateway, token: str) -> None:
    assert (await gateway.cli(token).post("decode")).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        *(None, "", "Bearer", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN),
        "Bearer " + reader("ada", TOKEN).partition(":")[2],
    ],
    ids=["none", "empty", "no token", "cut", "longer", "basic", "bare", "the hash itself"],
)
@pytest.mark.parametrize("verb", ["decode", "encode"])
async def test_without_a_right_token_nothing_is_done(
    gateway: Gateway, authorization: str | None, verb: str
) -> None:
    answer = await gateway.cli().post(verb, *await sealed(PLAIN), authorization=authorization)
    status, detail = problem(answer)
    assert (status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "/codec/sign-in" in detail


async def test_a_short_token_is_never_right_even_if_it_is_configured() -> None:
    async with serving(make_settings(codec_readers=reader("eve", "hunter2"))) as gateway:
        assert (await gateway.cli("hunter2").post("decode")).status_code == 401


async def test_another_namespaces_payloads_are_not_for_these_keys(gateway: Gateway) -> None:
    cli = gateway.cli()
    for namespace in ("default", None):
        status, detail = problem(await cli.post("decode", PLAIN, x_namespace=namespace))
        assert status == 403
        assert "X-Namespace must be billing" in detail


# -- from where


async def test_a_page_of_the_ui_may_read_with_a_token(gateway: Gateway) -> None:
    answer = await gateway.cli().post("decode", *await sealed(PLAIN), origin=UI)
    assert answer.json() == {"payloads": [in_json(PLAIN)]}
    assert answer.headers["access-control-allow-origin"] == UI
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize(
    "origin",
    [
        *("https://evil.example", f"{UI}.evil.example", f"{UI}:8443", f"{UI}/", "null", ""),
        "http://temporal.firm.example",
    ],
)
async def test_a_page_of_another_origin_may_not_even_with_a_token(
    gateway: Gateway, origin: str
) -> None:
    answer = await gateway.cli().post("decode", *await sealed(PLAIN), origin=origin)
    assert problem(answer)[0] == 403
    assert "access-control-allow-origin" not in answer.headers
    assert b"Falkenstein" not in answer.content


async def preflight(gateway: Gateway, **headers: str) -> httpx.Response:
    asked = {"access-control-request-method": "POST", **headers}
    return await gateway.http.options("/codec/decode", headers=asked)


async def test_the_uis_browser_is_told_that_it_may_ask_with_credentials(gateway: Gateway) -> None:
    wanted = "authorization, authorization-extras, content-type, x-namespace"
    answer = await preflight(
        gateway, origin=UI, **{"access-control-request-headers": "content-type,x-namespace"}
    )
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == UI
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert answer.headers["access-control-allow-headers"] == wanted


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {}], ids=["evil", "none"])
async def test_other_origins_are_told_nothing(gateway: Gateway, headers: dict[str, str]) -> None:
    answer = await preflight(gateway, **headers)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_without_a_configured_origin_no_page_may_read() -> None:
    async with serving(make_settings(codec_ui_origin=None)) as gateway:
        assert (await gateway.cli().post("decode", origin=UI)).status_code == 403
        assert (await gateway.cli().post("decode")).status_code == 200


async def test_a_refusal_can_be_read_by_the_ui(gateway: Gateway) -> None:
    answer = await gateway.browser().post("decode", PLAIN)
    assert problem(answer)[0] == 401
    assert answer.headers["access-control-allow-origin"] == UI


# -- garbage


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "the body: it is not an object"),
        (b'{"payload": []}', "payload: Extra inputs are not permitted"),
        (b'{"payloads": {}}', "payloads"),
        (b'{"payloads": [1]}', "payloads.0"),
        (b'{"payloads": [{"data": 5}]}', "payloads.0.data"),
        (b'{"payloads": [{"data": "a"}]}', "payloads.0.data: it is not base64"),
        (b'{"payloads": [{"metadata": {"encoding": "binary/encrypted!"}}]}', "not base64"),
        (b'{"payloads": [{"unheard": 1}]}', "does not know"),
        (b'{"payloads": [{"metadata": {"a": "YQ==", "a": "Yg=="}}]}', "not JSON"),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, bytes) else "",
)
async def test_garbage_is_refused_with_its_place(gateway: Gateway, body: bytes, says: str) -> None:
    status, detail = problem(await gateway.cli().send("decode", body))
    assert status == 422
    assert says in detail


async def test_a_payload_of_a_key_that_is_gone_is_refused_by_the_keys_name(
    gateway: Gateway,
) -> None:
    [lost] = await sealed(PLAIN, with_key=key("2019", 9))
    status, detail = problem(await gateway.cli().post("decode", *await sealed(PLAIN), lost))
    assert status == 422
    assert "'2019'" in detail
    assert "C2C_PAYLOAD_KEYS" in detail


async def test_a_payload_that_was_changed_is_refused(gateway: Gateway) -> None:
    [changed] = await sealed(PLAIN)
    changed.data = changed.data[:-1] + bytes([changed.data[-1] ^ 1])
    status, detail = problem(await gateway.cli().post("decode", changed))
    assert status == 422
    assert "'2026'" in detail


async def test_a_key_id_of_a_megabyte_does_not_come_back_whole(gateway: Gateway) -> None:
    long = Payload(
        metadata={"encoding": b"binary/encrypted", "encryption-key-id": b"x" * 1_000_000}
    )
    assert len((await gateway.cli().post("decode", long)).content) < 1_000


async def test_too_much_is_refused_unread(gateway: Gateway) -> None:
    status, detail = problem(await gateway.cli().send("decode", b" " * (BODY_BYTES_MAX + 1)))
    assert status == 413
    assert str(BODY_BYTES_MAX) in detail


async def test_temporals_largest_message_fits(gateway: Gateway) -> None:
    [large] = await sealed(Payload(metadata=PLAIN.metadata, data=b"x" * 4_000_000))
    assert (await gateway.cli().post("decode", large)).status_code == 200


async def test_too_many_payloads_are_refused(gateway: Gateway) -> None:
    many = json.dumps({"payloads": [{}] * (PAYLOADS_MAX + 1)}).encode()
    status, detail = problem(await gateway.cli().send("decode", many))
    assert (status, f"at most {PAYLOADS_MAX}" in detail) == (422, True)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
async def test_what_a_form_could_send_is_not_read(gateway: Gateway, kind: str | None) -> None:
    answer = await gateway.cli().send("decode", b'{"payloads": []}', content_type=kind)
    assert problem(answer)[0] == 415


# -- off


@pytest.mark.parametrize("changes", [{"codec_readers": ""}, {"payload_keys": ""}], ids=str)
async def test_without_readers_or_keys_there_is_no_endpoint(changes: dict[str, str]) -> None:
    async with serving(make_settings(**changes)) as gateway:
        answers = [
            await gateway.cli().post("decode", PLAIN),
            await gateway.cli().post("encode", PLAIN),
            await gateway.http.get("/codec/sign-in"),
            await preflight(gateway, origin=UI),
        ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(404, "Not Found")}


# -- what is told of it


async def test_neither_logs_nor_metrics_hold_anything_of_a_payload_or_token(
    gateway: Gateway,
) -> None:
    [lost] = await sealed(PLAIN, with_key=key("2019", 9))
    with capture_logs() as logs:
        await gateway.cli().post("decode", PLAIN)
        await gateway.cli().post("encode", PLAIN)
        await gateway.cli().post("decode", PLAIN, lost)
        await gateway.cli("wrong" * 10).post("decode", PLAIN)
        await gateway.cli().post("decode", PLAIN, origin="https://evil.example")
        await gateway.cli().send("decode", b'{"payloads": [{"data": "Falkenstein!"}]}')
    told = [{name: each[name] for name in ("event", "verb", "reason")} for each in logs]
    reasons = ["UnknownPayloadKeyError", "no token or session fits", "wrong origin"]
    assert [each["reason"] for each in told] == [*reasons, "not of the protocol"]
    assert all(set(each) == {"event", "verb", "reason", "log_level"} for each in logs)
    assert 'c2c_gateway_codec_total{status="200",verb="decode"} 1.0' in await gateway.metrics()


async def test_guessing_is_slowed_down_and_does_not_fill_the_log(gateway: Gateway) -> None:
    with capture_logs() as logs:
        statuses = [
            (await gateway.cli("x" * 40).post("decode")).status_code
            for _ in range(REFUSALS_PER_MINUTE_MAX + 5)
        ]
    assert statuses == [401] * REFUSALS_PER_MINUTE_MAX + [429] * 5
    assert len(logs) == REFUSALS_PER_MINUTE_MAX + 1


async def test_while_somebody_guesses_a_reader_still_reads(gateway: Gateway) -> None:
    for _ in range(REFUSALS_PER_MINUTE_MAX + 1):
        answer = await gateway.cli("x" * 40).post("decode")
    assert answer.headers["retry-after"] == "40"
    assert (await gateway.cli().post("decode", PLAIN)).status_code == 200
    gateway.clock.advance(seconds=40)
    assert (await gateway.cli("x" * 40).post("decode")).status_code == 401
