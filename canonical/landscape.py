"""The landscape: which system serves which role for which legal entity, and how its words map to
ours.

Pure models; `runtime.landscape` reads them from `landscape.yaml` and resolves secrets.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, JsonValue, field_validator, model_validator

from canonical.base import Noun
from canonical.client import Address
from canonical.contract import InvoiceGrouping, TaxMode
from canonical.errors import SetupInvalid
from canonical.invoice import TaxCategory
from canonical.money import Currency


class SystemRole(StrEnum):
    """What a system is for; the ownership table speaks of these."""

    CRM = "crm"
    PSA = "psa"
    TIME = "time"
    EXPENSES = "expenses"
    ERP = "erp"
    MAIL = "mail"


class SecretRef(Noun):
    """Where a secret is found: an environment variable or a file. Never the secret itself."""

    env: str = ""
    file: str = ""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if bool(self.env) == bool(self.file):
            raise ValueError("a secret names either `env` or `file`")
        return self


class SystemLimits(Noun):
    """How hard a system may be used."""

    requests_per_second: float = Field(default=10, gt=0)
    """Activity starts per second on its task queue, across all workers, and HTTP requests per
    process."""
    calls_at_once: int = Field(default=4, ge=1)
    timeout_s: float = Field(default=30, gt=0)
    """HTTP deadline; the settle time after it is part of the activity's timeout."""


class SystemInstance(Noun):
    """One system: the adapter that speaks to it, its organisation, settings, secrets and limits."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{1,39}$")
    adapter: str
    """The adapter's folder, or `push` for a source that only sends signed events."""
    organisation: str = ""
    """The vendor's organisation id; start-up refuses when it is another environment's."""
    settings: dict[str, JsonValue] = {}
    """Parsed by the adapter's own settings model."""
    secrets: dict[str, SecretRef] = {}
    limits: SystemLimits = SystemLimits()
    poll_interval_s: float = Field(default=300, gt=0)
    """How often `Intake` pulls its change feed."""


class TaxRule(Noun):
    """One tax code of an entity: its category, its rate from a date on, and the ERP's name for
    it."""

    code: str
    category: TaxCategory
    rate: Decimal = Field(ge=0, lt=1)
    effective_from: date
    erp_tax: str
    legal_text: str = ""
    """What the invoice must say, e.g. the reverse-charge sentence."""


class TaxPolicy(Noun):
    """Which tax code a client gets. Empty means: such clients cannot be billed, a case is
    raised."""

    domestic: str
    eu_business: str = ""
    """A client in another EU member state with a valid VAT id (reverse charge)."""
    third_country: str = ""


class ErpMapping(Noun):
    """Our words in the ERP's: accounts, products per kind of line, and what else its adapter
    needs."""

    company: str
    accounts: dict[str, str] = {}
    products: dict[str, str] = {}
    options: dict[str, str] = {}


class Owner(StrEnum):
    """Who computes a figure that only one side may compute."""

    ENGINE = "engine"
    ERP = "erp"
    TAX_ENGINE = "tax_engine"


class LegalEntity(Noun):
    """A company of the firm: it bills, it has books, a currency, a time zone and its systems."""

    code: str = Field(pattern=r"^[A-Z0-9][A-Z0-9-]{1,19}$")
    name: str
    country: str = Field(pattern=r"^[A-Z]{2}$")
    address: Address = Address()
    vat_id: str = ""
    currency: Currency
    time_zone: str
    systems: dict[SystemRole, str]
    """The instance that serves each role."""
    roles: dict[str, str] = {}
    """Role names of CRM, PSA and time sources (case folded) to the contract's role names."""
    taxes: tuple[TaxRule, ...]
    tax_policy: TaxPolicy
    erp: ErpMapping
    tax_owner: Owner = Owner.ERP
    """Whose tax figure is booked; ours checks it (accounting rules, convention 13)."""
    revenue_owner: Owner = Owner.ENGINE
    """Who recognises revenue; with `erp`, our revenue journals are kept for proof, never sent."""
    claims_owner: Owner = Owner.ERP
    """Who books employees' expense claims; with `erp`, our journals of them are never sent."""
    grouping: InvoiceGrouping = InvoiceGrouping.ROLE
    tax_mode: TaxMode = TaxMode.PER_RATE_TOTAL
    invoice_from: str
    """The sender of invoice mails."""
    bank_details: str = ""
    go_live: date
    """Work before this date was billed elsewhere and is never billed by us."""

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"{zone!r} is not a time zone; use a name such as Europe/Berlin"
            ) from error
        return zone

    @field_validator("roles")
    @classmethod
    def _folded(cls, roles: dict[str, str]) -> dict[str, str]:
        """However the landscape writes them; two spellings of one name must agree."""
        folded: dict[str, str] = {}
        for theirs, ours in roles.items():
            if folded.setdefault(theirs.strip().casefold(), ours) != ours:
                raise ValueError(f"role {theirs!r} is mapped twice, to different roles")
        return folded

    def system(self, role: SystemRole) -> str:
        """The instance that serves a role. Raises SetupInvalid when there is none."""
        if role not in self.systems:
            raise SetupInvalid(f"legal entity {self.code} has no system for the role {role.value}")
        return self.systems[role]

    def role_named(self, role: str) -> str | None:
        """The contract's name of a role that a system calls `role`, or None when it is not
        mapped."""
        return self.roles.get(role.strip().casefold())


class Landscape(Noun):
    """The whole: one environment, its systems and legal entities."""

    environment: str = Field(pattern=r"^[a-z][a-z0-9-]{1,19}$")
    demo: bool = False
    """Only a demo landscape accepts a bare name as the proof of a decision."""
    systems: tuple[SystemInstance, ...]
    entities: tuple[LegalEntity, ...]

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        names = [system.name for system in self.systems]
        codes = [entity.code for entity in self.entities]
        for label, values in (("system", names), ("legal entity", codes)):
            twice = {value for value in values if values.count(value) > 1}
            if twice:
                raise ValueError(f"{label} named twice: {', '.join(sorted(twice))}")
        for entity in self.entities:
            _check_entity(entity, set(names))
        return self

    def system(self, name: str) -> SystemInstance:
        """Raises SetupInvalid for a name that the landscape does not have."""
        for system in self.systems:
            if system.name == name:
                return system
        raise SetupInvalid(f"the landscape has no system {name!r}")

    def entity(self, code: str) -> LegalEntity:
        """Raises SetupInvalid for a code that the landscape does not have."""
        for entity in self.entities:
            if entity.code == code:
                return entity
        known = ", ".join(entity.code for entity in self.entities)
        raise SetupInvalid(f"the landscape has no legal entity {code!r} (it has {known})")

    def entities_of(self, role: SystemRole, system: str) -> tuple[LegalEntity, ...]:
        return tuple(entity for entity in self.entities if entity.systems.get(role) == system)


def _check_entity(entity: LegalEntity, systems: set[str]) -> None:
    unknown = sorted(set(entity.systems.values()) - systems)
    if unknown:
        raise ValueError(f"legal entity {entity.code} names unknown systems: {', '.join(unknown)}")
    codes = {rule.code for rule in entity.taxes}
    policy = entity.tax_policy
    wanted = {policy.domestic, policy.eu_business, policy.third_country} - {""}
    if wanted - codes:
        missing = ", ".join(sorted(wanted - codes))
        raise ValueError(
            f"legal entity {entity.code}: tax policy names unknown tax codes: {missing}"
        )
