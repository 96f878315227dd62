"""Mail handed to a real SMTP server, which keeps what it gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.registry import AdapterContext, adapter_named
from adapters.smtp.settings import Security
from canonical.errors import DataRejected, SetupInvalid, SystemRefusesUs, SystemUnavailable
from canonical.landscape import SystemInstance, SystemRole
from runtime.local.mail import MailCatcher
from tests.adapters.smtp.builders import KEY, make_attachment, make_mail, make_message
from tests.adapters.smtp.servers import certificate, scripted
from tests.canonical.builders import make_landscape


async def test_a_mail_arrives_as_it_was_written() -> None:
    async with MailCatcher() as catcher:
        await make_mail(catcher.port).send(make_message(), key=KEY)
    [caught] = catcher.messages
    body = caught.message.get_body()
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == make_message().text
    assert (caught.sender, caught.recipients) == (
        "billing@nordwind.example",
        ("rechnungen@falkenstein.example",),
    )


async def test_attachments_arrive_byte_for_byte_under_their_names() -> None:
    async with MailCatcher() as catcher:
        message = make_message(attachments=(make_attachment(), make_attachment(b"", "leer.xlsx")))
        await make_mail(catcher.port).send(message, key=KEY)
    parts = list(catcher.messages[0].message.iter_attachments())
    assert [part.get_filename() for part in parts] == ["Rechnung-Größe.pdf", "leer.xlsx"]
    assert parts[0].get_content() == make_attachment().content


async def test_a_repeated_hand_over_is_the_same_message() -> None:
    async with MailCatcher() as catcher:
        first = await make_mail(catcher.port).send(make_message(), key=KEY)
        again = await make_mail(catcher.port).send(make_message(), key=KEY)
    one, two = (caught.message for caught in catcher.messages)
    assert first == again == one["Message-ID"]
    assert one.as_bytes() == two.as_bytes()


async def test_a_mailbox_beyond_ascii_is_reached_where_the_server_can() -> None:
    async with MailCatcher() as catcher:
        await make_mail(catcher.port).send(make_message(recipient="jürgen@example.com"), key=KEY)
    assert catcher.sent_to("jürgen@example.com")


async def test_a_check_says_who_answers() -> None:
    async with MailCatcher() as catcher:
        mail = make_mail(catcher.port)
        assert await mail.check() == f"mail server {catcher.address} answers (none)"
    with pytest.raises(SystemUnavailable):
        await mail.check()


async def test_mail_over_tls_goes_to_a_server_whose_certificate_fits(tmp_path: Path) -> None:
    context, authority = certificate(tmp_path)
    async with scripted(tls=context) as server:
        mail = make_mail(server.port, security=Security.TLS, ca_file=str(authority))
        await mail.send(make_message(), key=KEY)
    assert len(server.messages) == 1


async def test_a_server_with_a_strange_certificate_gets_nothing(tmp_path: Path) -> None:
    context, _ = certificate(tmp_path)
    async with scripted(tls=context) as server:
        with pytest.raises(SystemUnavailable, match=r"(?i)certificate"):
            await make_mail(server.port, security=Security.TLS).send(make_message(), key=KEY)
    assert server.heard == []


async def test_mail_is_never_sent_in_the_clear_when_tls_is_wanted() -> None:
    async with scripted() as server:
        with pytest.raises(SystemRefusesUs, match="offers no STARTTLS"):
            await make_mail(server.port, security=Security.STARTTLS).send(make_message(), key=KEY)
    assert server.messages == []
    assert not any(line.startswith("MAIL") for line in server.heard)


async def test_a_login_uses_the_secret_and_only_over_tls(tmp_path: Path) -> None:
    context, authority = certificate(tmp_path)
    script = {"EHLO": "250-x\r\n250 AUTH PLAIN", "AUTH": "235 welcome"}
    async with scripted(script, tls=context) as server:
        mail = make_mail(
            server.port, security=Security.TLS, username="billing", ca_file=str(authority)
        )
        assert "signed in as billing" in await mail.check()
    assert any(line.startswith("AUTH PLAIN") for line in server.heard)


def context_of(settings: dict[str, object]) -> AdapterContext:
    system = SystemInstance.model_validate(
        {"name": "mail", "adapter": "smtp", "settings": settings}
    )
    return AdapterContext(system=system, landscape=make_landscape(), secrets={})


async def test_the_registry_builds_the_mail_port() -> None:
    adapter = adapter_named("smtp")
    assert adapter.roles == {SystemRole.MAIL}
    async with MailCatcher() as catcher:
        settings: dict[str, object] = {
            "host": "127.0.0.1",
            "port": catcher.port,
            "security": "none",
        }
        ports = adapter.build(context_of(settings))
        assert ports.mail is not None
        assert "answers" in await ports.mail.check()
        await ports.close()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        pytest.param({}, "host", id="no host"),
        pytest.param({"host": "m", "port": 0}, "port", id="no port"),
        pytest.param({"host": "m", "security": "none"}, "unencrypted", id="clear"),
        pytest.param(
            {"host": "localhost", "security": "none", "username": "u"}, "login", id="clear login"
        ),
        pytest.param({"host": "m", "username": "u"}, "no secret 'password'", id="no secret"),
        pytest.param({"host": "m", "ca_file": "/nowhere.pem"}, "ca_file", id="no authority"),
        pytest.param({"host": "m", "pasword": "x"}, "pasword", id="unknown setting"),
    ],
)
def test_settings_that_cannot_be_right_are_refused_at_start(
    settings: dict[str, object], reason: str
) -> None:
    with pytest.raises(SetupInvalid, match=reason):
        adapter_named("smtp").build(context_of(settings))


async def test_a_server_that_cannot_take_a_mailbox_is_told_as_such() -> None:
    message = make_message(recipient="jürgen@example.com")
    async with scripted() as server:
        with pytest.raises(DataRejected, match=r"jürgen@example\.com"):
            await make_mail(server.port).send(message, key=KEY)
