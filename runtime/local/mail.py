"""A mail server that sends nothing on: it keeps what it was given, for people and tests to read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Final, Protocol

from aiosmtpd.smtp import SMTP

from runtime.local.lifetime import Lifetime

HOST: Final = "127.0.0.1"
MESSAGE_BYTES_MAX: Final = 32 * 1024 * 1024
MESSAGES_MAX: Final = 10_000


class Envelope(Protocol):
    """What the SMTP dialogue yields, as aiosmtpd hands it over."""

    mail_from: str
    rcpt_tos: list[str]
    content: bytes


@dataclass(frozen=True)
class CaughtMail:
    """One message, with the sender and the recipients that the SMTP dialogue named."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage


class MailCatcher(Lifetime):
    """An SMTP server on the loopback; messages stay in memory and, if wanted, as .eml files."""

    def __init__(self, *, port: int = 0, directory: Path | None = None) -> None:
        self.messages: list[CaughtMail] = []
        self._asked_port = port
        self._directory = directory
        self._arrived, self._answering = asyncio.Event(), asyncio.Event()
        self._answering.set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        if self._server is None:
            raise RuntimeError("The mail catcher is not running. Start it first.")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def address(self) -> str:
        """host:port of the SMTP server."""
        return f"{HOST}:{self.port}"

    async def start(self) -> None:
        if self._directory is not None:
            self._directory.mkdir(parents=True, exist_ok=True)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._dialogue, HOST, self._asked_port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    def sent_to(self, recipient: str) -> list[CaughtMail]:
        """The messages for one recipient, oldest first."""
        return [mail for mail in self.messages if recipient in mail.recipients]

    @asynccontextmanager
    async def silent(self) -> AsyncIterator[asyncio.Event]:
        """Keep messages, but answer their senders only at the end; the event says that one is
        kept."""
        self._arrived.clear()
        self._answering.clear()
        try:
            yield self._arrived
        finally:
            self._answering.set()

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:
        """Called by aiosmtpd, which names it, once per message."""
        if len(self.messages) >= MESSAGES_MAX:
            return "452 The mail catcher is full"
        message = BytesParser(EmailMessage, policy=policy.default).parsebytes(envelope.content)
        caught = CaughtMail(envelope.mail_from, tuple(envelope.rcpt_tos), message)
        self.messages.append(caught)
        if self._directory is not None:
            path = self._directory / f"{len(self.messages):05d}.eml"
            await asyncio.to_thread(path.write_bytes, envelope.content)
        self._arrived.set()
        await self._answering.wait()
        return "250 Message accepted"

    def _dialogue(self) -> SMTP:
        return SMTP(self, hostname=HOST, data_size_limit=MESSAGE_BYTES_MAX, enable_SMTPUTF8=True)
