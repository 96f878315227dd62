"""The portfolio in the store: its contracts and entries as rows, put there without being timed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from pydantic_core import to_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bench.portfolio import BILLED, ENTITY, FUND, MONTH, TIME_SOURCE, Holding, holding, works
from canonical.ids import derive, work_item_id
from canonical.invoice import TaxCategory
from canonical.landscape import ErpMapping, Landscape, LegalEntity, TaxPolicy, TaxRule
from canonical.rules.pricing import Work
from store.engine import copy_rows, transaction

PROJECT: Final = "project"
SEEDED_AT: Final = datetime(2026, 4, 1, 12, tzinfo=UTC)


def landscape() -> Landscape:
    """One legal entity with the portfolio's tax."""
    tax = TaxRule(
        code="VAT",
        category=TaxCategory.STANDARD,
        rate=Decimal("0.19"),
        effective_from=datetime(2021, 1, 1, tzinfo=UTC).date(),
        erp_tax="VAT 19 %",
    )
    entity = LegalEntity(
        code=ENTITY.code,
        name="Bench GmbH",
        country="DE",
        currency="EUR",
        time_zone="UTC",
        systems={},
        taxes=(tax,),
        tax_policy=TaxPolicy(domestic="VAT"),
        erp=ErpMapping(company="Bench GmbH"),
        invoice_from="bench@example.org",
        go_live=datetime(2026, 1, 1, tzinfo=UTC).date(),
    )
    return Landscape(environment="bench", systems=(), entities=(entity,))


async def stock(engine: AsyncEngine, shares: dict[int, int]) -> None:
    """Put the portfolio into an empty database; `shares` are the entries of each contract."""
    async with transaction(engine) as connection:
        await _clients(connection)
        await connection.execute(
            text(
                "INSERT INTO exchange_rate (base, quote, rate_on, rate, source)"
                " VALUES ('EUR', 'USD', :day, 1.0790, 'bench')"
            ),
            {"day": MONTH},
        )
    for number, entries in shares.items():
        each = holding(number, entries)
        async with transaction(engine) as connection:
            await _contract(connection, each)
            await copy_rows(connection, "work_item", _COLUMNS, _items(each, entries))


async def _clients(connection: AsyncConnection) -> None:
    for number, client in enumerate((BILLED, FUND)):
        await connection.execute(
            text(
                "INSERT INTO client (id, code, name, name_folded, body)"
                " VALUES (CAST(:id AS uuid), :name, :name, :name, '{}')"
            ),
            {"id": client, "name": f"client-{number}"},
        )


async def _contract(connection: AsyncConnection, each: Holding) -> None:
    version, name = each.version, f"P-{each.number}"
    values = {
        "engagement": version.engagement_id,
        "deal": f"D-{each.number}",
        "contract": version.contract_id,
        "begins": version.effective_from,
        "body": version.model_dump_json(),
        "project": derive("project", name),
        "client": BILLED,
        "entity": ENTITY.code,
        "code": name,
        "system": TIME_SOURCE,
    }
    for statement in (
        "INSERT INTO engagement (id, deal_system, deal_kind, deal_id, stage, legal_entity)"
        " VALUES (:engagement, 'crm-bench', 'deal', :deal, 'active', :entity)",
        "INSERT INTO contract_version (contract_id, version, engagement_id, effective_from, body)"
        " VALUES (CAST(:contract AS uuid), 1, :engagement, :begins, CAST(:body AS jsonb))",
        "INSERT INTO project (id, engagement_id, client_id, legal_entity, code, body) VALUES"
        " (CAST(:project AS uuid), :engagement, CAST(:client AS uuid), :entity, :code, '{}')",
        "INSERT INTO identity_link (system, kind, external_id, noun, noun_id)"
        f" VALUES (:system, '{PROJECT}', :code, 'project', :project)",
    ):
        await connection.execute(text(statement), values)


_COLUMNS: Final = [
    *("id", "source", "kind", "external_id", "version", "revision"),
    *("project_system", "project_kind", "project_id", "work_date", "approved", "approved_at"),
    *("quantity", "approved_quantity", "cost", "currency", "body"),
]


def _items(each: Holding, entries: int) -> Iterator[tuple[object, ...]]:
    for work in works(each, entries):
        source, kind, name = work.id.split("/", 2)
        approved_at = work.approved_at.replace(tzinfo=UTC)
        yield (
            work_item_id(source, kind, name),
            source,
            kind,
            name,
            SEEDED_AT,
            1,
            TIME_SOURCE,
            PROJECT,
            f"P-{each.number}",
            work.work_date,
            True,
            approved_at,
            work.quantity,
            work.quantity,
            work.expense.net if work.expense is not None else Decimal(0),
            work.expense.currency if work.expense is not None else None,
            _body(work, source, kind, name, f"P-{each.number}", approved_at),
        )


def _body(
    work: Work, source: str, kind: str, name: str, project: str, approved_at: datetime
) -> str:
    body: dict[str, object] = {
        "kind": kind,
        "source": source,
        "external_id": name,
        "version": SEEDED_AT,
        "project": {"system": TIME_SOURCE, "kind": PROJECT, "id": project},
        "person": work.person,
        "person_name": work.person,
        "work_date": work.work_date,
        "description": work.description,
        "billable": True,
        "approved": True,
        "approved_by": "bench",
        "approved_at": approved_at,
    }
    if work.expense is None:
        return to_json(
            {**body, "hours": work.quantity, "role": work.role, "task": work.task}
        ).decode()
    cost = work.expense
    return to_json(
        {
            **body,
            "cost": {"amount": cost.net, "currency": cost.currency},
            "category": cost.category,
            "vat": cost.vat,
            "recoverable_vat": cost.recoverable_vat,
            "units": cost.units,
        }
    ).decode()
