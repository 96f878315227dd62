"""What the landscape says about one Kantata account."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, model_validator

from canonical.base import Noun
from canonical.errors import SetupInvalid
from canonical.landscape import SystemInstance

VENDOR_URL = "https://api.mavenlink.com/api/v1/"
"""The vendor's only address; the brand changed, the host did not."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class KantataSettings(Noun):
    """Settings of a system whose adapter is `kantata`; its one secret is `token`."""

    base_url: str = VENDOR_URL
    plain_http: bool = False
    """Allow an address without TLS beyond this machine (a simulator in another container)."""
    change_feed: bool = True
    """False for an account without the paid event feed: every pull is then a reconciliation."""
    settle_s: float = Field(default=2, ge=0, le=60)
    """How long to wait before looking for a record whose create was not answered."""
    settle_looks: int = Field(default=2, ge=0, le=5)
    """How often to look, before the outcome is left to the next attempt as unknown."""

    @model_validator(mode="after")
    def _token_is_not_sent_in_the_clear(self) -> Self:
        address = urlsplit(self.base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError(f"base_url {self.base_url!r} is not an http(s) address")
        if address.scheme == "http" and not self.plain_http and address.hostname not in LOOPBACK:
            raise ValueError(
                f"base_url {self.base_url!r} would send the token unencrypted; "
                "use https, or set plain_http for a simulator"
            )
        return self


def settings_of(system: SystemInstance) -> KantataSettings:
    """Raises SetupInvalid that names the system and the field."""
    try:
        return KantataSettings.model_validate(system.settings)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "settings"
        raise SetupInvalid(f"system {system.name}, {place}: {first['msg']}") from error
