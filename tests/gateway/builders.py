"""Builders for the gateway's tests: a landscape, events, and signed deliveries."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr
from standardwebhooks import Webhook as Oracle

from canonical.landscape import Landscape

NOW = datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)
"""Unix time 1790000000, that of the fixed test vectors."""
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NEXT_SECRET = "whsec_" + base64.b64encode(bytes(range(32, 64))).decode()
PATH_SECRET = "a-path-that-nobody-guesses"

ORGANISATION = "00DAb00000012XyMAI"

SECRETS = {
    "crm-one": {"webhook_path": SecretStr(PATH_SECRET)},
    "postbox": {"webhook_path": SecretStr(PATH_SECRET)},
    "expenses": {"signing": SecretStr(SECRET), "signing_next": SecretStr(NEXT_SECRET)},
    "timesheets": {"signing": SecretStr(SECRET)},
    "erp-one": {"signing": SecretStr(SECRET)},
}


def make_landscape(**changes: Any) -> Landscape:
    """Two entities: one is served by all systems, the other has the CRM only."""
    systems = {
        "crm": "crm-one",
        "psa": "psa-one",
        "time": "timesheets",
        "expenses": "expenses",
        "erp": "erp-one",
    }
    landscape = {
        "environment": "test",
        "systems": [
            {"name": "crm-one", "adapter": "salesforce", "organisation": ORGANISATION},
            {"name": "postbox", "adapter": "postbox"},
            {"name": "unpublished", "adapter": "postbox"},
            {"name": "psa-one", "adapter": "none"},
            {"name": "erp-one", "adapter": "none"},
            {"name": "timesheets", "adapter": "push"},
            {"name": "expenses", "adapter": "push"},
        ],
        "entities": [
            make_entity("DE01", systems),
            make_entity("CH01", {"crm": "crm-one"}, currency="CHF"),
        ],
    }
    return Landscape.model_validate(landscape | changes)


def make_entity(code: str, systems: Mapping[str, str], currency: str = "EUR") -> dict[str, object]:
    tax = {
        "code": "STD",
        "category": "S",
        "rate": "0.19",
        "effective_from": "2021-01-01",
        "erp_tax": "19",
    }
    return {
        "code": code,
        "name": f"Firm {code}",
        "country": code[:2],
        "currency": currency,
        "time_zone": "Europe/Berlin",
        "systems": dict(systems),
        "taxes": [tax],
        "tax_policy": {"domestic": "STD"},
        "erp": {"company": code},
        "invoice_from": "billing@firm.example",
        "go_live": "2026-01-01",
    }


def make_expense(number: int = 1, **changes: Any) -> dict[str, Any]:
    item = {
        "source": "expenses",
        "external_id": f"X-{number}",
        "version": "2026-09-20T10:00:00Z",
        "project": {"system": "psa-one", "kind": "project", "id": "77"},
        "person": "p-1",
        "work_date": "2026-09-18",
        "approved": True,
        "approved_by": "Ada",
        "approved_at": "2026-09-20T10:00:00Z",
        "cost": {"amount": "119.50", "currency": "EUR"},
    }
    return item | changes


def make_time_entry(number: int = 1, **changes: Any) -> dict[str, Any]:
    entry = make_expense(number, source="timesheets", hours="7.5", role="consultant")
    del entry["cost"]
    return entry | changes


def make_event(number: int = 1, **changes: Any) -> dict[str, Any]:
    """An approved expense, unless changed."""
    event: dict[str, Any] = {
        "id": f"evt-{number}",
        "source": "expenses",
        "type": "expense.approved",
        "occurred_at": "2026-09-20T10:00:00Z",
    }
    if changes.get("type", "expense.approved") == "expense.approved":
        event["items"] = [make_expense(number)]
    return event | changes


def make_deal_closed(number: int = 1, **changes: Any) -> dict[str, Any]:
    deal = {"system": "crm-one", "kind": "opportunity", "id": f"006-{number}"}
    return make_event(number, source="crm-one", type="deal.closed", deal=deal) | changes


def as_body(*events: Mapping[str, Any]) -> bytes:
    """One event as itself, several as an array."""
    return json.dumps(events[0] if len(events) == 1 else events).encode()


def signed_headers(
    body: bytes, *, secret: str = SECRET, webhook_id: str = "msg-1", at: datetime = NOW
) -> dict[str, str]:
    """Signed by the reference library, as a sender would."""
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Oracle(secret).sign(webhook_id, at, body.decode()),
    }
