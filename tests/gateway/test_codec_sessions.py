"""A person signs in once in the browser; the UI's pages then read with that session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http.cookies import SimpleCookie

import pytest
from structlog.testing import capture_logs

from gateway.codec_access import COOKIE, REFUSALS_PER_MINUTE_MAX
from tests.gateway.decoding import (
    BOS_TOKEN,
    NEXT_TOKEN,
    PLAIN,
    TOKEN,
    Caller,
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


async def may_read(caller: Caller) -> bool:
    answer = await caller.post("decode", *await sealed(PLAIN))
    assert answer.status_code in (200, 401)
    return answer.status_code == 200 and in_json(PLAIN) in answer.json()["payloads"]


async def test_after_signing_in_a_page_of_the_ui_reads(gateway: Gateway) -> None:
    browser = gateway.browser()
    assert not await may_read(browser)
    with capture_logs() as logs:
        answer = await browser.sign_in(TOKEN)
    assert (answer.status_code, "Signed in as ada" in answer.text) == (200, True)
    assert [(each["event"], each["reader"]) for each in logs] == [("codec.signed_in", "ada")]
    assert await may_read(browser)


async def test_the_session_is_no_token_and_scripts_and_other_sites_do_not_get_it(
    gateway: Gateway,
) -> None:
    answer = await gateway.browser().sign_in(TOKEN)
    morsel = SimpleCookie(answer.headers["set-cookie"])[COOKIE]
    assert TOKEN not in morsel.value
    assert (morsel["path"], morsel["httponly"], morsel["secure"]) == ("/codec", True, True)
    assert (morsel["samesite"], morsel["max-age"]) == ("strict", "")


async def test_on_this_machine_the_session_needs_no_https() -> None:
    async with serving(make_settings(codec_ui_origin="http://127.0.0.1:8233")) as gateway:
        answer = await gateway.browser().sign_in(TOKEN)
    assert not SimpleCookie(answer.headers["set-cookie"])[COOKIE]["secure"]


async def test_a_session_without_the_uis_origin_proves_nothing(gateway: Gateway) -> None:
    browser = gateway.browser()
    await browser.sign_in(TOKEN)
    answer = await browser.post("decode", PLAIN, origin=None)
    assert answer.status_code == 401


async def test_a_session_ends_after_twelve_hours(gateway: Gateway) -> None:
    browser = gateway.browser()
    await browser.sign_in(TOKEN)
    gateway.clock.advance(hours=12, seconds=-1)
    assert await may_read(browser)
    gateway.clock.advance(seconds=1)
    assert not await may_read(browser)


async def test_a_session_of_one_gateway_is_known_to_another_with_the_same_settings(
    gateway: Gateway,
) -> None:
    browser = gateway.browser()
    await browser.sign_in(TOKEN)
    async with serving(make_settings()) as other:
        assert await may_read(Caller(other.http, browser.headers))


@pytest.mark.parametrize(
    "changes",
    [
        {"codec_readers": reader("ada", NEXT_TOKEN)},
        {"codec_readers": reader("bo", BOS_TOKEN)},
        {"payload_keys": f"{key('2027', 3)},{key('2026', 2)}"},
    ],
    ids=["the token was rotated away", "the person left", "another key encrypts"],
)
async def test_a_session_ends_with_what_began_it(
    gateway: Gateway, changes: dict[str, object]
) -> None:
    browser = gateway.browser()
    await browser.sign_in(TOKEN)
    async with serving(make_settings(**changes)) as other:
        assert not await may_read(Caller(other.http, browser.headers))


async def test_a_session_cannot_be_made_up_or_changed(gateway: Gateway) -> None:
    browser = gateway.browser()
    await browser.sign_in(TOKEN)
    name, end, proof = browser.headers["cookie"].removeprefix(f"{COOKIE}=").split(".")
    later = str(int(end) + 3600)
    digest = reader("ada", TOKEN).partition(":")[2]
    for made_up in (
        *(f"bo.{end}.{proof}", f"{name}.{later}.{proof}", f"{name}.{end}.{digest}"),
        *(f"{name}.{end}.", f"{name}.{end}", f"{name}.never.{proof}", "..", ""),
    ):
        browser.headers["cookie"] = f"{COOKIE}={made_up}"
        assert not await may_read(browser), made_up


@pytest.mark.parametrize("token", ["", "x" * 40, TOKEN[:-1], TOKEN + "\n" + TOKEN, "ü" * 40])
async def test_a_wrong_token_gives_no_session(gateway: Gateway, token: str) -> None:
    answer = await gateway.browser().sign_in(token)
    assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)


async def test_guessing_at_the_form_is_slowed_down(gateway: Gateway) -> None:
    for _ in range(REFUSALS_PER_MINUTE_MAX + 1):
        answer = await gateway.browser().sign_in("x" * 40)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "40")


async def test_a_form_that_is_too_large_is_not_read(gateway: Gateway) -> None:
    assert (await gateway.browser().sign_in("x" * 4_000)).status_code == 413


async def test_the_form_runs_no_scripts_and_stands_in_no_frame(gateway: Gateway) -> None:
    answer = await gateway.http.get("/codec/sign-in")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert 'type="password"' in answer.text
