"""Login: a signed assertion or client credentials, against the simulator's real verification."""

from __future__ import annotations

import asyncio
import time

import pytest
from pydantic import JsonValue, SecretStr

from adapters.platforms.salesforce.oauth import JwtBearer
from adapters.platforms.salesforce.simulator.sessions import LoginRefused
from adapters.registry import AdapterContext, Ports
from adapters.salesforce import build
from canonical.errors import SetupInvalid, SystemRefusesUs
from tests.adapters.salesforce.organisation import (
    CONSUMER_KEY,
    USERNAME,
    key_pair,
    make_app,
    make_context,
)


def changed(context: AdapterContext, *, organisation: str = "", **secrets: str) -> AdapterContext:
    system = context.system
    if organisation:
        system = system.model_copy(update={"organisation": organisation})
    given = {name: SecretStr(value) for name, value in secrets.items()}
    return AdapterContext(
        system=system,
        landscape=context.landscape,
        secrets={**context.secrets, **given},
        transport=context.transport,
    )


async def check(ports: Ports) -> str:
    assert ports.crm is not None
    try:
        return await ports.crm.check()
    finally:
        await ports.close()


async def test_a_signed_assertion_logs_in() -> None:
    app, simulator = make_app()
    assert "logged in" in await check(build(make_context(app)))
    assert simulator.sessions.logins == 1


async def test_client_credentials_log_in_at_the_organisations_own_host() -> None:
    app, simulator = make_app()
    settings: dict[str, JsonValue] = {
        "flow": "client_credentials",
        "login_url": "https://northfield.my.salesforce.com",
    }
    await check(build(make_context(app, **settings)))
    assert simulator.sessions.logins == 1


async def test_the_first_callers_share_one_login() -> None:
    app, simulator = make_app()
    ports = build(make_context(app))
    assert ports.crm is not None
    await asyncio.gather(*(ports.crm.check() for _ in range(5)))
    await ports.close()
    assert simulator.sessions.logins == 1


async def test_an_assertion_of_another_key_is_refused() -> None:
    app, _ = make_app()
    stranger = key_pair.__wrapped__()
    context = changed(make_context(app), private_key=stranger.private_pem)
    with pytest.raises(SystemRefusesUs, match="invalid_client"):
        await check(build(context))


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ({"username": "somebody@else.example"}, "invalid_grant"),
        ({"audience": "https://elsewhere.example"}, "audience"),
    ],
)
async def test_an_assertion_for_another_user_or_host_is_refused(
    setting: dict[str, JsonValue], reason: str
) -> None:
    app, _ = make_app()
    with pytest.raises(SystemRefusesUs, match=reason):
        await check(build(make_context(app, **setting)))


async def test_a_wrong_secret_is_refused_and_not_shown() -> None:
    app, _ = make_app()
    context = changed(
        make_context(app, flow="client_credentials"), consumer_secret="not-the-secret"
    )
    with pytest.raises(SystemRefusesUs, match="invalid_client") as refused:
        await check(build(context))
    assert "not-the-secret" not in str(refused.value) + repr(context)


async def test_a_login_of_another_organisation_is_never_used() -> None:
    app, simulator = make_app()
    context = changed(make_context(app), organisation="00DAb00000099ZzMAI"[:15])
    with pytest.raises(SystemRefusesUs, match="organisation"):
        await check(build(context))
    assert simulator.rest.requests == 0


async def test_a_token_for_another_host_is_never_used() -> None:
    app, simulator = make_app()
    context = make_context(app, instance_url="https://southfield.my.salesforce.com")
    with pytest.raises(SystemRefusesUs, match="instance_url"):
        await check(build(context))
    assert simulator.rest.requests == 0


def test_a_private_key_that_cannot_sign_is_refused_at_start_and_not_shown() -> None:
    with pytest.raises(SetupInvalid, match="RSA key") as refused:
        JwtBearer(
            consumer_key=SecretStr(CONSUMER_KEY),
            username=USERNAME,
            audience="https://login.salesforce.com",
            private_key=SecretStr("-----BEGIN nothing-----"),
        )
    assert "nothing" not in str(refused.value)


def test_an_assertion_that_lives_too_long_is_refused() -> None:
    _, simulator = make_app()
    grant = JwtBearer(
        consumer_key=SecretStr(CONSUMER_KEY),
        username=USERNAME,
        audience="https://login.salesforce.com",
        private_key=SecretStr(key_pair().private_pem),
        clock=lambda: time.time() + 600,
    )
    with pytest.raises(LoginRefused, match="authentication failure"):
        simulator.sessions.login(grant.form())
