"""The mail catcher: keeps what a real SMTP client sends it, whole."""

import asyncio
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import pytest

from runtime.local.mail import MailCatcher


def make_message(subject: str = "Rechnung 2026-00001") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "billing@example.com"
    message["To"] = "kreditoren@example.com"
    message["Subject"] = subject
    message.set_content("Sehr geehrte Damen und Herren,\n.\nmit freundlichen Grüßen")
    message.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="r.pdf")
    return message


async def send(catcher: MailCatcher, message: EmailMessage) -> None:
    host, port = catcher.address.split(":")
    await aiosmtplib.send(message, hostname=host, port=int(port))


async def test_a_sent_message_is_kept_with_text_and_attachment() -> None:
    async with MailCatcher() as catcher:
        await send(catcher, make_message())
        [mail] = catcher.sent_to("kreditoren@example.com")
    assert mail.sender == "billing@example.com"
    assert mail.message["Subject"] == "Rechnung 2026-00001"
    body = mail.message.get_body()
    assert body is not None
    assert "Grüßen" in body.get_content()
    assert [part.get_filename() for part in mail.message.iter_attachments()] == ["r.pdf"]


async def test_messages_of_others_are_not_mixed_in() -> None:
    async with MailCatcher() as catcher:
        await send(catcher, make_message())
        assert catcher.sent_to("somebody@example.com") == []


async def test_messages_can_be_kept_as_files_for_people(tmp_path: Path) -> None:
    async with MailCatcher(directory=tmp_path / "mail") as catcher:
        await send(catcher, make_message("first"))
        await send(catcher, make_message("second"))
    files = sorted((tmp_path / "mail").glob("*.eml"))
    assert [b"second" in file.read_bytes() for file in files] == [False, True]


async def test_a_silent_catcher_keeps_a_message_long_before_its_sender_hears_so() -> None:
    async with MailCatcher() as catcher:
        async with catcher.silent() as arrived:
            sending = asyncio.create_task(send(catcher, make_message()))
            await arrived.wait()
            assert len(catcher.messages) == 1
            assert not sending.done()
        await sending


async def test_a_message_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.local.mail.MESSAGE_BYTES_MAX", 100)
    async with MailCatcher() as catcher:
        with pytest.raises(aiosmtplib.SMTPException):
            await send(catcher, make_message())
        assert catcher.messages == []


async def test_a_full_catcher_refuses_for_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.local.mail.MESSAGES_MAX", 0)
    async with MailCatcher() as catcher:
        with pytest.raises(aiosmtplib.SMTPDataError, match="full"):
            await send(catcher, make_message())


async def test_a_stopped_catcher_has_no_address() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        _ = MailCatcher().address
