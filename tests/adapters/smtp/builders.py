"""Mails and mail adapters with good defaults."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import SecretStr

from adapters.smtp.mail import SmtpMail
from adapters.smtp.settings import Security, SmtpSettings
from canonical.landscape import SystemLimits
from canonical.mail import Attachment, OutgoingMail

SENT_AT = datetime(2026, 4, 2, 9, 30, tzinfo=UTC)
KEY = "FALK-1-2026-03-1-1:deliver"


def make_mail(
    port: int,
    *,
    security: Security = Security.NONE,
    username: str = "",
    ca_file: str = "",
    environment: str = "test",
    timeout_s: float = 5,
) -> SmtpMail:
    settings = SmtpSettings(
        host="127.0.0.1",
        port=port,
        security=security,
        username=username,
        ca_file=ca_file,
        hello_name="worker.example",
    )
    limits = SystemLimits(timeout_s=timeout_s)
    password = SecretStr("open sesame") if username else None
    return SmtpMail("mail", environment, settings, limits, password=password, clock=lambda: SENT_AT)


def make_message(
    *,
    sender: str = "Nordwind Beratung <billing@nordwind.example>",
    recipient: str = "rechnungen@falkenstein.example",
    subject: str = "Rechnung RE-2026-0042 für Größe M",
    text: str = "Guten Tag,\n\nanbei die Rechnung über 5.103,14 €.\n.\n..\n",
    attachments: tuple[Attachment, ...] = (),
) -> OutgoingMail:
    return OutgoingMail(
        sender=sender, recipient=recipient, subject=subject, text=text, attachments=attachments
    )


def make_attachment(
    content: bytes = b"%PDF-1.4\r\n\x00\xff.\r\n",
    name: str = "Rechnung-Größe.pdf",
    media_type: str = "application/pdf",
) -> Attachment:
    return Attachment(name=name, media_type=media_type, content=content)
