"""What the adapter makes of a server's refusals and silences."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from adapters.smtp.settings import Security
from canonical.errors import (
    AnswerUnreadable,
    DataRejected,
    OutcomeUnknown,
    SystemBusy,
    SystemOutcome,
    SystemRefusesUs,
    SystemUnavailable,
)
from tests.adapters.smtp.builders import KEY, make_mail, make_message
from tests.adapters.smtp.servers import HANG_UP, SILENCE, certificate, scripted

OUTCOMES: dict[str, tuple[dict[str, str], type[SystemOutcome]]] = {
    "closing at connect": ({"CONNECT": "421 later"}, SystemUnavailable),
    "no service for us": ({"CONNECT": "554 blocked"}, SystemRefusesUs),
    "greeting refused": ({"EHLO": "550 who?", "HELO": "550 who?"}, SystemRefusesUs),
    "login wanted": ({"MAIL": "530 5.7.0 authentication required"}, SystemRefusesUs),
    "sender refused": ({"MAIL": "553 not yours"}, DataRejected),
    "sender later": ({"MAIL": "452 full"}, SystemBusy),
    "recipient refused": ({"RCPT": "550 5.1.1 no such user"}, DataRejected),
    "recipient later (greylisting)": ({"RCPT": "450 4.2.0 greylisted"}, SystemBusy),
    "closing at recipient": ({"RCPT": "421 shutting down"}, SystemUnavailable),
    "message not wanted": ({"DATA": "554 no"}, DataRejected),
    "message refused": ({".": "552 too large"}, DataRejected),
    "message later": ({".": "451 local error"}, SystemBusy),
    "odd reply to the message": ({".": "299 hm"}, OutcomeUnknown),
    "odd reply to the sender": ({"MAIL": "299 hm"}, AnswerUnreadable),
    "hung up at once": ({"CONNECT": HANG_UP}, SystemUnavailable),
    "hung up at the recipient": ({"RCPT": HANG_UP}, SystemUnavailable),
    "hung up after the message": ({".": HANG_UP}, OutcomeUnknown),
}


@pytest.mark.parametrize(("script", "outcome"), OUTCOMES.values(), ids=OUTCOMES.keys())
async def test_a_refusal_means(script: dict[str, str], outcome: type[SystemOutcome]) -> None:
    async with scripted(script) as server:
        with pytest.raises(SystemOutcome) as raised:
            await make_mail(server.port).send(make_message(), key=KEY)
    assert type(raised.value) is outcome, raised.value


@pytest.mark.parametrize(
    ("step", "outcome"),
    [
        ("CONNECT", SystemUnavailable),
        ("MAIL", SystemUnavailable),
        (".", OutcomeUnknown),
    ],
)
async def test_silence_means(step: str, outcome: type[SystemOutcome]) -> None:
    async with scripted({step: SILENCE, "QUIT": SILENCE}) as server:
        with pytest.raises(SystemOutcome) as raised:
            await make_mail(server.port, timeout_s=0.05).send(make_message(), key=KEY)
    assert type(raised.value) is outcome, raised.value


async def test_a_refused_recipient_is_named() -> None:
    async with scripted({"RCPT": "550 5.1.1 no such user"}) as server:
        with pytest.raises(
            DataRejected, match=r"rechnungen@falkenstein\.example.*no such user"
        ) as raised:
            await make_mail(server.port).send(make_message(), key=KEY)
    assert raised.value.fields == ("recipient",)
    assert server.messages == []


async def test_a_message_is_sent_when_only_the_goodbye_is_lost() -> None:
    async with scripted({"QUIT": HANG_UP}) as server:
        assert await make_mail(server.port).send(make_message(), key=KEY)
    assert len(server.messages) == 1


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ({"EHLO": "250-x\r\n250 AUTH PLAIN LOGIN", "AUTH": "535 5.7.8 bad credentials"}, "535"),
        ({"EHLO": "250 x"}, "AUTH"),
        ({"EHLO": "250-x\r\n250 AUTH GSSAPI"}, "authentication method"),
    ],
    ids=["wrong password", "no login offered", "no login we know"],
)
async def test_a_refused_login_is_told_without_the_secret(
    script: dict[str, str], reason: str, tmp_path: Path
) -> None:
    context, authority = certificate(tmp_path)
    async with scripted(script, tls=context) as server:
        mail = make_mail(
            server.port, security=Security.TLS, username="billing", ca_file=str(authority)
        )
        with pytest.raises(SystemRefusesUs, match=reason) as raised:
            await mail.check()
    assert "sesame" not in repr(raised.value)


async def test_a_server_that_speaks_without_end_is_cut_short() -> None:
    async with scripted({"RCPT": "550 " + "no " * 200}) as server:
        with pytest.raises(DataRejected) as raised:
            await make_mail(server.port).send(make_message(), key=KEY)
    assert len(str(raised.value)) < 500


async def test_hand_overs_are_counted_by_their_outcome() -> None:
    labels = {"system": "mail", "operation": "send", "outcome": "SystemBusy"}
    before = REGISTRY.get_sample_value("c2c_vendor_calls_total", labels) or 0
    async with scripted({"MAIL": "452 full"}) as server:
        with pytest.raises(SystemBusy):
            await make_mail(server.port).send(make_message(), key=KEY)
    assert REGISTRY.get_sample_value("c2c_vendor_calls_total", labels) == before + 1


async def test_many_mails_at_once_keep_to_the_limit_of_calls() -> None:
    async with scripted() as server:
        mail = make_mail(server.port)
        await asyncio.gather(*(mail.send(make_message(), key=f"{n}") for n in range(8)))
    assert len(server.messages) == 8
