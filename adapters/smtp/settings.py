"""What the landscape says about one mail server."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, ValidationError, model_validator

from canonical.base import Noun
from canonical.errors import SetupInvalid
from canonical.landscape import SystemInstance

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Security(StrEnum):
    """How the connection is encrypted."""

    STARTTLS = "starttls"
    """Plain at first, then upgraded; a server that cannot is refused, never spoken to in clear."""
    TLS = "tls"
    """Encrypted from the first byte."""
    NONE = "none"


class SmtpSettings(Noun):
    """Settings of a system whose adapter is `smtp`. The deadline of one message is the instance's
    `limits.timeout_s`."""

    host: str = Field(min_length=1)
    port: int = Field(default=587, ge=1, le=65_535)
    security: Security = Security.STARTTLS
    username: str = ""
    """Empty: the server takes mail from us without a login."""
    ca_file: str = ""
    """Certificates (PEM) of the server's own authority; empty: those that the system trusts."""
    hello_name: str = ""
    """The name that we greet with; empty: this machine's."""
    plain_beyond_loopback: bool = False
    """Allow `security: none` to another machine (a mail catcher in another container)."""

    @model_validator(mode="after")
    def _nothing_secret_goes_in_the_clear(self) -> Self:
        if self.security is not Security.NONE:
            return self
        if self.username:
            raise ValueError("a login needs `security: starttls` or `tls`")
        if self.host not in LOOPBACK and not self.plain_beyond_loopback:
            raise ValueError(
                f"{self.host!r} would get invoices unencrypted; use `security: starttls` or `tls`, "
                "or set plain_beyond_loopback for a mail catcher"
            )
        return self


def settings_of(system: SystemInstance) -> SmtpSettings:
    """Raises SetupInvalid that names the system and the field."""
    try:
        return SmtpSettings.model_validate(system.settings)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "settings"
        raise SetupInvalid(f"system {system.name}, {place}: {first['msg']}") from error
