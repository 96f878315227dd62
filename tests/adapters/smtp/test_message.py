"""Messages: the same each time, and nothing smuggled into them."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.smtp.message import Composed, compose
from canonical.errors import DataRejected
from canonical.mail import ATTACHMENTS_BYTES_MAX, OutgoingMail
from tests.adapters.smtp.builders import KEY, SENT_AT, make_attachment, make_message


def composed(mail: OutgoingMail, *, key: str = KEY, environment: str = "test") -> Composed:
    return compose("mail", environment, mail, key=key, sent_at=SENT_AT)


def parsed(mail: OutgoingMail) -> EmailMessage:
    return message_from_bytes(composed(mail).content, EmailMessage, policy=default)


def test_the_same_mail_under_the_same_key_is_the_same_message() -> None:
    mail = make_message(attachments=(make_attachment(),))
    assert composed(mail) == composed(mail)


@pytest.mark.parametrize("other", [{"key": "other:deliver"}, {"environment": "production"}])
def test_another_key_or_environment_is_another_message(other: dict[str, str]) -> None:
    assert composed(make_message(), **other).message_id != composed(make_message()).message_id


def test_headers_tell_sender_recipient_subject_and_the_moment_of_the_clock() -> None:
    message = parsed(make_message())
    assert message["From"] == "Nordwind Beratung <billing@nordwind.example>"
    assert message["To"] == "rechnungen@falkenstein.example"
    assert message["Subject"] == "Rechnung RE-2026-0042 für Größe M"
    assert message["Date"] == "Thu, 02 Apr 2026 09:30:00 +0000"
    assert message["Auto-Submitted"] == "auto-generated"


def test_a_message_is_seven_bit_on_the_wire() -> None:
    content = composed(make_message(attachments=(make_attachment(),))).content
    assert max(content) < 128
    assert max(len(line) for line in content.split(b"\r\n")) <= 998


BAD_LINES = ["x\r\nBcc: thief@example.com", "x\nX: y", "x\rX", "x\x00", "x\u2028y", "x\x85y"]


@pytest.mark.parametrize("text", BAD_LINES)
def test_a_subject_with_a_line_break_is_refused(text: str) -> None:
    with pytest.raises(DataRejected, match="control character") as refused:
        composed(make_message(subject=text))
    assert refused.value.fields == ("subject",)


BAD_ADDRESSES = [
    *(f"a@example.com{text[1:]}" for text in BAD_LINES),
    "",
    "nobody",
    "a@",
    "@example.com",
    "a@example.com, b@example.com",
    "friends: a@example.com;",
    "a@example.com b@example.com",
    "<a@example.com",
    f"a@{'x' * 64}.example",
]


@pytest.mark.parametrize("text", BAD_ADDRESSES)
@pytest.mark.parametrize("field", ["sender", "recipient"])
def test_what_is_not_exactly_one_address_is_refused(field: str, text: str) -> None:
    with pytest.raises(DataRejected) as refused:
        composed(make_message().model_copy(update={field: text}))
    assert refused.value.fields == (field,)


@given(st.text(max_size=60))
def test_no_text_in_a_field_becomes_another_header_or_recipient(text: str) -> None:
    for field in ("sender", "recipient", "subject"):
        mail = make_message().model_copy(update={field: text})
        try:
            message = message_from_bytes(composed(mail).content, EmailMessage, policy=default)
        except DataRejected:
            continue
        assert set(message.keys()) == set(parsed(make_message()).keys())
        assert len(message["To"].addresses) == 1


def test_a_domain_beyond_ascii_is_written_as_dns_knows_it() -> None:
    mail = composed(make_message(recipient="rechnung@müller.example"))
    assert (mail.recipient, mail.needs_utf8) == ("rechnung@xn--mller-kva.example", False)


def test_a_mailbox_beyond_ascii_needs_a_server_that_can() -> None:
    mail = composed(make_message(recipient="jürgen@example.com"))
    assert mail.needs_utf8
    assert "jürgen@example.com".encode() in mail.content


def test_an_attachment_with_an_unsafe_name_is_refused() -> None:
    with pytest.raises(DataRejected, match="control character"):
        composed(make_message(attachments=(make_attachment(name='a"\r\nX: y.pdf'),)))


def test_an_attachment_without_a_media_type_is_refused() -> None:
    with pytest.raises(DataRejected, match="media type"):
        composed(make_message(attachments=(make_attachment(media_type="pdf\r\nX: y"),)))


def test_attachments_over_the_limit_are_refused_with_their_size() -> None:
    half = make_attachment(b"x" * (ATTACHMENTS_BYTES_MAX // 2 + 1))
    with pytest.raises(DataRejected, match="20,000,002 bytes"):
        composed(make_message(attachments=(half, half)))
