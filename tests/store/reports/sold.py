"""What a small firm has agreed: two legal entities, and contracts straight in the tables.

NORTH-DE keeps its books in EUR, WEST-US in USD. Taxes are 19 % and none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from sqlalchemy import Table, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.contract import ContractVersion
from canonical.ids import (
    ClientId,
    ContractId,
    EngagementId,
    ExternalRef,
    client_id,
    contract_id,
    engagement_id,
    project_id,
)
from canonical.landscape import Landscape
from store.tables import contract_version, engagement, identity_link, project

NORTH, WEST = "NORTH-DE", "WEST-US"
PSA = "psa"


def _entity(code: str, country: str, currency: str, zone: str) -> dict[str, object]:
    rules = [("STD", "S", "0.19"), ("NONE", "O", "0")]
    return {
        "code": code,
        "name": f"{code} Inc",
        "country": country,
        "currency": currency,
        "time_zone": zone,
        "systems": {"psa": PSA, "time": PSA, "erp": "erp"},
        "taxes": [
            {
                "code": name,
                "category": category,
                "rate": rate,
                "effective_from": "2020-01-01",
                "erp_tax": name,
            }
            for name, category, rate in rules
        ],
        "tax_policy": {"domestic": "STD"},
        "erp": {"company": code},
        "tax_owner": "engine",
        "claims_owner": "engine",
        "invoice_from": "invoices@firm.example",
        "go_live": "2026-01-01",
    }


LANDSCAPE = Landscape.model_validate(
    {
        "environment": "test",
        "systems": [{"name": PSA, "adapter": "kantata"}, {"name": "erp", "adapter": "tryton"}],
        "entities": [
            _entity(NORTH, "DE", "EUR", "Europe/Berlin"),
            _entity(WEST, "US", "USD", "America/New_York"),
        ],
    }
)


def noon(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(12), UTC)


@dataclass(frozen=True)
class Sold:
    """One contract."""

    code: str
    engagement: EngagementId
    contract: ContractId
    client: ClientId
    customer: str
    project: ExternalRef
    currency: str


def sold_as(code: str, customer: str, currency: str) -> Sold:
    of = engagement_id(ExternalRef(system="crm", kind="deal", id=code))
    return Sold(
        code=code,
        engagement=of,
        contract=contract_id(of),
        client=client_id(ExternalRef(system="crm", kind="account", id=customer)),
        customer=customer,
        project=ExternalRef(system=PSA, kind="project", id=code),
        currency=currency,
    )


def version_of(sold: Sold, entity: str, terms: dict[str, object]) -> ContractVersion:
    """From 1 January 2026, taxed at 19 % unless it says otherwise, due after 30 days."""
    usual = {
        "contract_id": sold.contract,
        "engagement_id": sold.engagement,
        "version": 1,
        "effective_from": "2026-01-01",
        "legal_entity": entity,
        "bill_to": sold.client,
        "currency": sold.currency,
        "net_days": 30,
        "tax_code": "STD",
    }
    return ContractVersion.model_validate({**usual, **terms})


async def agree(connection: AsyncConnection, sold: Sold, version: ContractVersion) -> None:
    """An active engagement with its client, project, link and contract."""
    await connection.execute(
        text(
            "INSERT INTO client (id, code, name, name_folded, body)"
            " VALUES (CAST(:id AS uuid), :name, :name, :name, '{}') ON CONFLICT DO NOTHING"
        ),
        {"id": sold.client, "name": sold.customer},
    )
    ours = project_id(sold.engagement)
    rows: list[tuple[Table, dict[str, object]]] = [
        (engagement, _engagement(sold, version)),
        (project, _project(sold, version, ours)),
        (identity_link, {**_reference(sold), "noun": "project", "noun_id": ours}),
        (contract_version, _version(sold, version)),
    ]
    for table, values in rows:
        await connection.execute(insert(table).values(**values))


def _engagement(sold: Sold, version: ContractVersion) -> dict[str, object]:
    return {
        "id": sold.engagement,
        "deal_system": "crm",
        "deal_kind": "deal",
        "deal_id": sold.code,
        "stage": "active",
        "legal_entity": version.legal_entity,
        "project_code": sold.code,
        "client_name": sold.customer,
    }


def _project(sold: Sold, version: ContractVersion, ours: str) -> dict[str, object]:
    return {
        "id": ours,
        "engagement_id": sold.engagement,
        "client_id": sold.client,
        "legal_entity": version.legal_entity,
        "code": sold.code,
        "body": {},
    }


def _reference(sold: Sold) -> dict[str, object]:
    of = sold.project
    return {"system": of.system, "kind": of.kind, "external_id": of.id}


def _version(sold: Sold, version: ContractVersion) -> dict[str, object]:
    return {
        "contract_id": sold.contract,
        "version": version.version,
        "engagement_id": sold.engagement,
        "effective_from": version.effective_from,
        "body": version.model_dump(mode="json"),
    }


# -- contract lines


def hourly(rate: str, **more: object) -> dict[str, object]:
    """Time and materials at one rate."""
    row = {"row": "rates#1", "role": "consultant", "rate": rate, "effective_from": "2026-01-01"}
    return {"line_id": "time", "method": "time_and_materials", "rates": [row], **more}


def expenses(**more: object) -> dict[str, object]:
    return {"line_id": "expenses", "method": "expenses", **more}


def retainer(**more: object) -> dict[str, object]:
    """Ten hours a month for 1,000, unused ones roll over once."""
    return {
        "line_id": "retainer",
        "method": "retainer",
        "period": "month",
        "starts": "2026-01-01",
        "fee": "1000",
        "included_hours": "10",
        "rollover": {"max_hours": "10", "expires_after_periods": 1},
        "overage_rate": "150",
        **more,
    }


def milestones(*amounts: str, retention: str = "10") -> dict[str, object]:
    """M1, M2 ... with a retention in percent."""
    return {
        "line_id": "build",
        "method": "milestones",
        "retention_percent": retention,
        "milestones": [
            {"milestone_id": f"M{number}", "amount": amount}
            for number, amount in enumerate(amounts, start=1)
        ],
    }


def fixed_fee(price: str, **due: str) -> dict[str, object]:
    """Revenue by cost to cost; `S1="2026-01-15 4000"` is an item of its schedule."""
    items = [(name, *text.split()) for name, text in due.items()]
    return {
        "line_id": "fixed",
        "method": "fixed_fee",
        "price": price,
        "schedule": [
            {"item_id": name, "due_on": day, "amount": amount} for name, day, amount in items
        ],
    }


def write_down(entry: str, amount: str, *, approved: str = "") -> dict[str, object]:
    """Asked for by ada, approved by bo on a day, or not yet."""
    approvals = [{"by": "bo", "on": approved}] if approved else []
    of = f"{PSA}/time/{entry}"
    return {"entry": of, "amount": amount, "reason": "rework", "by": "ada", "approvals": approvals}
