"""Implements the port Mail: one message, one dialogue with the firm's mail server."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime

from aiosmtplib import SMTP, SMTPException
from pydantic import SecretStr

from adapters.budget import Budget
from adapters.http import VENDOR_CALLS
from adapters.smtp.errors import Step, outcome_of
from adapters.smtp.message import Composed, compose
from adapters.smtp.settings import Security, SmtpSettings
from canonical.errors import DataRejected, SetupInvalid, SystemOutcome, SystemRefusesUs
from canonical.landscape import SystemLimits
from canonical.mail import OutgoingMail

GOODBYE_S = 2
"""How long we wait for the reply to QUIT; the message is accepted by then."""


class SmtpMail:
    """Sends through one mail server; a connection lasts for one message."""

    def __init__(
        self,
        system: str,
        environment: str,
        settings: SmtpSettings,
        limits: SystemLimits,
        *,
        password: SecretStr | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._system, self._environment = system, environment
        self._settings, self._password, self._clock = settings, password, clock
        self._timeout_s = limits.timeout_s
        self._budget = Budget(limits.requests_per_second, limits.calls_at_once)
        self._tls = _tls_context(system, settings)

    async def close(self) -> None:
        """Nothing is held between messages."""

    async def check(self) -> str:
        """Connect, log in if there is a login, and NOOP. Raises what is wrong."""
        dialogue = self._dialogue()
        await self._bounded("check", dialogue, dialogue.prove())
        settings = self._settings
        user = f", signed in as {settings.username}" if settings.username else ""
        return f"mail server {settings.host}:{settings.port} answers ({settings.security}{user})"

    async def send(self, message: OutgoingMail, *, key: str) -> str:
        """Hand over to the mail server; returns the Message-ID, which is derived from environment
        and key, so that receivers take a repeated hand-over for the same message.

        Raises DataRejected (naming the field or the address), OutcomeUnknown when the reply to the
        message itself is lost, and the other outcomes.
        """
        composed = compose(self._system, self._environment, message, key=key, sent_at=self._clock())
        dialogue = self._dialogue()
        await self._bounded("send", dialogue, dialogue.hand_over(composed))
        return composed.message_id

    def _dialogue(self) -> _Dialogue:
        return _Dialogue(self._system, self._settings, self._password, self._tls, self._timeout_s)

    async def _bounded(
        self, operation: str, dialogue: _Dialogue, conversation: Awaitable[None]
    ) -> None:
        answers = True
        async with self._budget:
            try:
                async with asyncio.timeout(self._timeout_s):
                    await conversation
            except SystemOutcome as error:
                self._counted(operation, error)
                raise
            except (SMTPException, OSError) as error:
                answers = not isinstance(error, TimeoutError)
                outcome = outcome_of(self._system, error, dialogue.step, dialogue.subject)
                raise self._counted(operation, outcome) from error
            finally:
                await dialogue.end(goodbye=answers)
        VENDOR_CALLS.labels(self._system, operation, "ok").inc()

    def _counted(self, operation: str, outcome: SystemOutcome) -> SystemOutcome:
        VENDOR_CALLS.labels(self._system, operation, type(outcome).__name__).inc()
        return outcome


class _Dialogue:
    """One connection; `step` and `subject` tell where it stands when something fails."""

    def __init__(
        self,
        system: str,
        settings: SmtpSettings,
        password: SecretStr | None,
        tls: ssl.SSLContext | None,
        timeout_s: float,
    ) -> None:
        self._system, self._settings, self._password = system, settings, password
        self.step, self.subject = Step.CONNECT, ""
        self._smtp = SMTP(
            hostname=settings.host,
            port=settings.port,
            local_hostname=settings.hello_name or socket.gethostname(),
            timeout=timeout_s,
            use_tls=settings.security is Security.TLS,
            start_tls=False,
            tls_context=tls,
        )

    async def prove(self) -> None:
        await self._open()
        await self._smtp.noop()

    async def hand_over(self, mail: Composed) -> None:
        await self._open()
        smtp, encoding = self._smtp, "utf-8" if mail.needs_utf8 else "ascii"
        self.step, self.subject = Step.SENDER, mail.sender
        await smtp.mail(mail.sender, options=self._options(mail), encoding=encoding)
        self.step, self.subject = Step.RECIPIENT, mail.recipient
        await smtp.rcpt(mail.recipient, encoding=encoding)
        self.step, self.subject = Step.CONTENT, ""
        await smtp.data(mail.content)

    async def end(self, *, goodbye: bool) -> None:
        """Close; what was accepted stays accepted whatever comes of the goodbye."""
        if goodbye and self._smtp.is_connected:
            with suppress(SMTPException, OSError):
                await self._smtp.quit(timeout=GOODBYE_S)
        self._smtp.close()

    async def _open(self) -> None:
        smtp, settings = self._smtp, self._settings
        await smtp.connect()
        await smtp.ehlo()
        if settings.security is Security.STARTTLS:
            if not smtp.supports_extension("starttls"):
                raise SystemRefusesUs(
                    self._system,
                    f"{settings.host} offers no STARTTLS and mail is not sent in the clear; "
                    "use `security: tls` or another port",
                )
            await smtp.starttls()
        if self._password is not None:
            self.step = Step.LOGIN
            await smtp.login(settings.username, self._password.get_secret_value())

    def _options(self, mail: Composed) -> list[str]:
        """Extensions of MAIL FROM. Raises DataRejected when the server cannot take the address."""
        options = []
        if self._smtp.supports_extension("size"):
            options.append(f"SIZE={len(mail.content)}")
        if mail.needs_utf8:
            if not self._smtp.supports_extension("smtputf8"):
                raise DataRejected(
                    self._system,
                    f"the server cannot reach {mail.recipient} (letters beyond ASCII before the @)",
                    fields=("recipient",),
                )
            options += ["SMTPUTF8", "BODY=8BITMIME"]
        return options


def _tls_context(system: str, settings: SmtpSettings) -> ssl.SSLContext | None:
    if settings.security is Security.NONE:
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca_file or None)
    except OSError as error:
        raise SetupInvalid(
            f"system {system}, ca_file: {settings.ca_file} cannot be read ({error})"
        ) from error
