"""From our mail to an Internet message (RFC 5322, MIME): the same mail, key and moment give the
same bytes, and nothing in a field can become another header or another recipient."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from canonical.errors import DataRejected
from canonical.ids import derive
from canonical.mail import ATTACHMENTS_BYTES_MAX, OutgoingMail

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*")
_SEVEN_BIT = SMTP.clone(cte_type="7bit")
_WITH_UTF8_ADDRESSES = _SEVEN_BIT.clone(utf8=True)

DOMAIN_CHARACTERS_MAX = 253
_ATOM = r"[\w!#$%&'*+/=?^`{|}~-]+"
_MAILBOX = re.compile(
    r"(?:(?P<name>[^<>@]*)(?P<open><))?"
    rf"(?P<local>(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*)@(?P<domain>[^\s@<>,;]+)"
    r"(?(open)>)"
)
"""`address` or `name <address>`; quoted and commented addresses are not taken (RFC 5321, 4.1.2 asks
nobody to give out such)."""
_HOST_NAME = re.compile(
    r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", re.I
)


@dataclass(frozen=True)
class Composed:
    """A message and its envelope, ready for the dialogue with a server."""

    message_id: str
    sender: str
    recipient: str
    content: bytes
    needs_utf8: bool
    """An address has letters beyond ASCII before its `@`: the server must speak SMTPUTF8."""


def compose(
    system: str, environment: str, mail: OutgoingMail, *, key: str, sent_at: datetime
) -> Composed:
    """Raises DataRejected that names the field which cannot go into a message."""
    sender = _address(system, "sender", mail.sender)
    recipient = _address(system, "recipient", mail.recipient)
    _refuse_attachments(system, mail)
    identity = derive("mail", environment, key)
    needs_utf8 = not (sender.addr_spec + recipient.addr_spec).isascii()
    message = EmailMessage(_WITH_UTF8_ADDRESSES if needs_utf8 else _SEVEN_BIT)
    message["From"], message["To"] = sender, recipient
    message["Subject"] = _one_line(system, "subject", mail.subject)
    message["Date"] = format_datetime(sent_at)
    message["Message-ID"] = f"<{identity}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    _fill(message, mail, identity)
    return Composed(
        message_id=str(message["Message-ID"]),
        sender=sender.addr_spec,
        recipient=recipient.addr_spec,
        content=message.as_bytes(),
        needs_utf8=needs_utf8,
    )


def _fill(message: EmailMessage, mail: OutgoingMail, identity: str) -> None:
    message.set_content(mail.text)
    for attachment in mail.attachments:
        kind, _, subtype = attachment.media_type.partition("/")
        message.add_attachment(
            attachment.content, maintype=kind, subtype=subtype, filename=attachment.name
        )
    if mail.attachments:
        # Neither base64 nor quoted-printable text can have a line that begins with this.
        message.set_boundary(f"=_{identity}")


def _address(system: str, field: str, text: str) -> Address:
    """Exactly one mailbox, with its domain in the form that DNS knows (IDNA)."""
    address = _mailbox(_one_line(system, field, text))
    if address is None:
        raise DataRejected(system, f"{field} {text!r} is not one e-mail address", fields=(field,))
    return address


def _mailbox(text: str) -> Address | None:
    found = _MAILBOX.fullmatch(text.strip())
    if found is None:
        return None
    try:
        domain = found["domain"].encode("idna").decode("ascii")
    except UnicodeError:
        return None
    if not _HOST_NAME.fullmatch(domain) or len(domain) > DOMAIN_CHARACTERS_MAX:
        return None
    return Address((found["name"] or "").strip().strip('"'), found["local"], domain)


def _one_line(system: str, field: str, text: str) -> str:
    if _CONTROL.search(text):
        raise DataRejected(
            system,
            f"{field} {text!r} has a line break or another control character; remove it",
            fields=(field,),
        )
    return text


def _refuse_attachments(system: str, mail: OutgoingMail) -> None:
    for attachment in mail.attachments:
        _one_line(system, "attachment name", attachment.name)
        if not _MEDIA_TYPE.fullmatch(attachment.media_type):
            raise DataRejected(
                system,
                f"attachment {attachment.name!r} has no media type but {attachment.media_type!r}",
                fields=("attachments",),
            )
    size = sum(len(attachment.content) for attachment in mail.attachments)
    if size > ATTACHMENTS_BYTES_MAX:
        raise DataRejected(
            system,
            f"the attachments have {size:,} bytes, the limit is {ATTACHMENTS_BYTES_MAX:,}; "
            "send them another way",
            fields=("attachments",),
        )
