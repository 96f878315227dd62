"""The landscape of the local stack: one German consulting firm and its systems on this machine."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from pydantic import JsonValue

from adapters.tryton.local import northfield as company

ENVIRONMENT = "demo"
ENTITY = "NORTH-DE"
CRM, PSA, EXPENSES, ERP, MAIL = "salesforce", "kantata", "expenses", "tryton", "mail"
GO_LIVE = date(2025, 1, 1)

SWEEP_FACTOR = 60
"""Deals are swept for lost notifications this much more seldom than feeds are read."""

SYSTEMS = {
    "crm": CRM,
    "psa": PSA,
    "time": PSA,
    "expenses": EXPENSES,
    "erp": ERP,
    "mail": MAIL,
}

ADDRESS = {
    "street": "Hafenstraße 12",
    "city": "Hamburg",
    "postal_code": "20457",
    "country": "DE",
}

ROLES = {
    "senior consultant": "Senior Consultant",
    "consultant": "Consultant",
    "project manager": "Project Manager",
}


class Addresses:
    """Where the systems of this machine listen."""

    def __init__(self, *, salesforce: str, kantata: str, tryton: str, smtp: str) -> None:
        self.salesforce, self.kantata = salesforce, kantata
        self.tryton, self.smtp = tryton, smtp


def landscape_document(
    addresses: Addresses, tryton_database: str, tryton_user: str, poll_interval_s: float
) -> dict[str, JsonValue]:
    """The landscape as it is written to `landscape.yaml`; secrets are files beside it."""
    return {
        "environment": ENVIRONMENT,
        "demo": True,
        "systems": [
            _salesforce(addresses.salesforce, poll_interval_s),
            _kantata(addresses.kantata, poll_interval_s),
            {"name": EXPENSES, "adapter": "push", "secrets": _files(EXPENSES, "signing")},
            _tryton(addresses.tryton, tryton_database, tryton_user, poll_interval_s),
            _mail(addresses.smtp),
        ],
        "entities": [_entity()],
    }


def _salesforce(url: str, poll_interval_s: float) -> JsonValue:
    return {
        "name": CRM,
        "adapter": "salesforce",
        "organisation": "00DAb00000012XyMAI",
        "settings": {
            "instance_url": url,
            "login_url": url,
            "audience": "https://login.salesforce.com",
            "username": "integration@northfield.example",
        },
        "secrets": _files(CRM, "consumer_key", "private_key", "webhook_path"),
        "poll_interval_s": SWEEP_FACTOR * poll_interval_s,
    }


def _kantata(url: str, poll_interval_s: float) -> JsonValue:
    return {
        "name": PSA,
        "adapter": "kantata",
        "organisation": "88",
        "settings": {"base_url": f"{url}/api/v1/"},
        "secrets": _files(PSA, "token"),
        "limits": _quick(),
        "poll_interval_s": poll_interval_s,
    }


def _tryton(url: str, database: str, user: str, poll_interval_s: float) -> JsonValue:
    return {
        "name": ERP,
        "adapter": "tryton",
        "organisation": company.NAME,
        "settings": {"base_url": url, "database": database, "user": user},
        "secrets": _files(ERP, "password"),
        "limits": _quick(),
        "poll_interval_s": poll_interval_s,
    }


def _mail(address: str) -> JsonValue:
    host, port = address.rsplit(":", 1)
    return {
        "name": MAIL,
        "adapter": "smtp",
        "settings": {"host": host, "port": int(port), "security": "none"},
    }


def write_landscape(path: Path, document: dict[str, JsonValue]) -> None:
    """JSON is YAML: what is written needs no quoting rules."""
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _entity() -> dict[str, JsonValue]:
    return {
        "code": ENTITY,
        "name": company.NAME,
        "country": "DE",
        "address": dict(ADDRESS),
        "vat_id": company.VAT_ID,
        "currency": company.CURRENCY,
        "time_zone": company.TIME_ZONE,
        "systems": dict(SYSTEMS),
        "roles": dict(ROLES),
        "taxes": _taxes(),
        "tax_policy": {"domestic": "DE-S-19", "eu_business": "EU-AE-0"},
        "erp": {
            "company": company.NAME,
            "accounts": dict(company.account_map()),
            "products": dict(company.product_map()),
        },
        "grouping": "role",
        "invoice_from": "billing@northfield.example",
        "bank_details": "Northfield Consulting GmbH, IBAN DE02 1203 0000 0000 2020 51",
        "go_live": GO_LIVE.isoformat(),
    }


def _taxes() -> JsonValue:
    return [
        _tax("DE-S-19", "S", "0.19", "VAT 19 %"),
        _tax("DE-S-7", "S", "0.07", "VAT 7 %"),
        _tax(
            "EU-AE-0",
            "AE",
            "0",
            "Reverse charge 0 %",
            "Reverse charge: the recipient owes the tax (Article 196, Directive 2006/112/EC).",
        ),
    ]


def _tax(code: str, category: str, rate: str, erp_tax: str, text: str = "") -> JsonValue:
    return {
        "code": code,
        "category": category,
        "rate": rate,
        "effective_from": GO_LIVE.isoformat(),
        "erp_tax": erp_tax,
        "legal_text": text,
    }


def _files(system: str, *names: str) -> dict[str, JsonValue]:
    return {name: {"file": f"secrets/{system}-{name}"} for name in names}


def _quick() -> JsonValue:
    """Simulators and a local ERP stand more than a vendor's production system."""
    return {"requests_per_second": 200, "calls_at_once": 8, "timeout_s": 60}
