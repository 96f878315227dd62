"""Mail as the product sends it."""

from __future__ import annotations

from pydantic import Field

from canonical.base import Noun

ATTACHMENTS_BYTES_MAX = 20_000_000


class Attachment(Noun):
    name: str = Field(max_length=200)
    media_type: str
    content: bytes = Field(repr=False)


class OutgoingMail(Noun):
    """One message in plain text with attachments."""

    sender: str
    recipient: str
    subject: str = Field(max_length=300)
    text: str
    attachments: tuple[Attachment, ...] = ()
