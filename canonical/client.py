"""Who pays us: the client, its parent, addresses, tax identity and terms."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from canonical.base import Noun
from canonical.ids import ClientId, ExternalRef
from canonical.money import Currency

NET_DAYS_MAX = 365


class Address(Noun):
    """A postal address; `country` is ISO 3166-1 alpha-2."""

    street: str = ""
    city: str = ""
    postal_code: str = ""
    region: str = ""
    country: str = Field(default="", pattern=r"^([A-Z]{2})?$")


class TaxIdKind(StrEnum):
    EU_VAT = "eu_vat"
    OTHER = "other"


class TaxId(Noun):
    """A tax identifier in its compact form (`DE136695976`), checked by validation, not by this
    type."""

    kind: TaxIdKind
    value: str


class Client(Noun):
    """A bill-to party. Owned by the CRM; `reference` is the owner's record."""

    id: ClientId
    reference: ExternalRef
    code: str
    """Short unique code that PSA and ERP carry, so that each finds the same client again."""
    name: str
    legal_name: str
    parent: ExternalRef | None = None
    parent_name: str = ""
    address: Address = Address()
    tax_ids: tuple[TaxId, ...] = ()
    currency: Currency
    net_days: int = Field(ge=0, le=NET_DAYS_MAX)
    """Payment terms: days from the invoice date to the due date."""
    invoice_email: str = ""

    def vat_id(self) -> str:
        """The EU VAT id, or an empty text."""
        return next((tax.value for tax in self.tax_ids if tax.kind is TaxIdKind.EU_VAT), "")
