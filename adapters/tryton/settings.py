"""What the landscape says about one Tryton database, and how a legal entity's words map to its."""

from __future__ import annotations

from typing import Self, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, JsonValue, ValidationError, model_validator

from canonical.base import Noun
from canonical.errors import SetupInvalid
from canonical.landscape import LegalEntity, SystemInstance

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

Form = TypeVar("Form", bound=BaseModel)


class TrytonSettings(Noun):
    """Settings of a system whose adapter is `tryton`; its one secret is `password`."""

    base_url: str
    database: str = Field(pattern=r"^[A-Za-z0-9_-]{1,63}$")
    user: str = Field(min_length=1)
    plain_http: bool = False
    """Allow an address without TLS beyond this machine (a server in the same private network)."""
    page_size: int = Field(default=100, ge=1, le=1_000)
    skip_warnings: tuple[str, ...] = ("invoice_taxes", "invoice_payment_term")
    """Warnings that posting may confirm. `invoice_taxes`: a line has not its product's default tax;
    the mapping chose the tax, and our tax total is checked by the server. `invoice_payment_term`: a
    due date is past, as it is for a late catch-up invoice. Every other warning needs a person."""

    @model_validator(mode="after")
    def _password_is_not_sent_in_the_clear(self) -> Self:
        address = urlsplit(self.base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError(f"base_url {self.base_url!r} is not an http(s) address")
        if address.scheme == "http" and not self.plain_http and address.hostname not in LOOPBACK:
            raise ValueError(
                f"base_url {self.base_url!r} would send the password unencrypted; "
                "use https, or set plain_http for a server in a private network"
            )
        return self


class EntityOptions(Noun):
    """`erp.options` of a legal entity that Tryton serves: names of records that must exist."""

    journal: str = "REV"
    """Code of the journal of customer invoices."""
    entry_journal: str = "MISC"
    """Code of the journal of our journal entries."""
    unit: str = "Lump sum"
    """Unit of measure of invoice lines, with two digits (the stock "Unit" has none)."""
    payment_term: str = "Net {days} days"
    """Name of the payment term for a number of days."""
    archived_status: str = "Archived"
    """Work status of archived projects."""


def settings_of(system: SystemInstance) -> TrytonSettings:
    """Raises SetupInvalid that names the system and the field."""
    return _parsed(TrytonSettings, system.settings, f"system {system.name}")


def options_of(entity: LegalEntity) -> EntityOptions:
    """Raises SetupInvalid that names the entity and the option."""
    options: dict[str, JsonValue] = dict(entity.erp.options)
    return _parsed(EntityOptions, options, f"legal entity {entity.code}, erp.options")


def _parsed(form: type[Form], values: dict[str, JsonValue], where: str) -> Form:
    try:
        return form.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "settings"
        raise SetupInvalid(f"{where}, {place}: {first['msg']}") from error
