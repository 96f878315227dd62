"""What reconciliation compares with the ERP: projects of active engagements, invoices of a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.ids import ExternalRef, InvoiceId
from canonical.invoice import InvoiceState
from canonical.landscape import Landscape, SystemRole
from canonical.money import Money
from canonical.records import LedgerInvoice, LinkedProject
from store import references
from store.engine import transaction


class ReconcileStore:
    """Implements `canonical.records.ReconcileRecords`; the landscape says which system is the
    entity's ERP."""

    def __init__(self, engine: AsyncEngine, landscape: Landscape) -> None:
        self._engine, self._landscape = engine, landscape

    async def entity_projects(self, legal_entity: str) -> Sequence[LinkedProject]:
        """Raises SetupInvalid for an entity without an ERP."""
        system = self._landscape.entity(legal_entity).system(SystemRole.ERP)
        async with transaction(self._engine) as connection:
            found = await connection.execute(
                text(_PROJECTS), {"entity": legal_entity, "system": system}
            )
            rows = found.mappings().all()
        return [
            LinkedProject(
                code=row["code"],
                client_code=row["client_code"],
                project=references.read("project", row),
                client=references.read("client", row),
            )
            for row in rows
        ]

    async def invoices_dated(self, legal_entity: str, day: date) -> Sequence[LedgerInvoice]:
        """Those that the ERP has numbered, with the figures that it booked."""
        system = self._landscape.entity(legal_entity).system(SystemRole.ERP)
        async with transaction(self._engine) as connection:
            found = await connection.execute(
                text(_INVOICES), {"entity": legal_entity, "day": day, "system": system}
            )
            return [_as_ledger_invoice(row) for row in found.mappings()]


def _first_link(noun: str, of: str) -> str:
    """A noun's first link in one system, as a lateral join that may find nothing."""
    return f"""LEFT JOIN LATERAL (
        SELECT system, kind, external_id FROM identity_link
        WHERE noun_id = {of}::text AND noun = '{noun}' AND system = :system
        ORDER BY linked_at, kind, external_id LIMIT 1
    ) {noun}_link ON true"""


_PROJECTS: Final = f"""
SELECT p.code, c.code AS client_code,
       project_link.system AS project_system, project_link.kind AS project_kind,
       project_link.external_id AS project_id,
       client_link.system AS client_system, client_link.kind AS client_kind,
       client_link.external_id AS client_id
FROM engagement e JOIN project p ON p.engagement_id = e.id JOIN client c ON c.id = p.client_id
{_first_link("project", "p.id")}
{_first_link("client", "c.id")}
WHERE e.legal_entity = :entity AND e.stage = 'active' ORDER BY p.code
"""

_INVOICES: Final = f"""
SELECT i.id, i.key, i.number, i.state, i.currency, i.paid,
       coalesce(i.booked_net, i.net) AS net, coalesce(i.booked_tax, i.tax) AS tax,
       coalesce(i.booked_gross, i.gross) AS gross,
       invoice_link.system AS reference_system, invoice_link.kind AS reference_kind,
       invoice_link.external_id AS reference_id
FROM invoice i
{_first_link("invoice", "i.id")}
WHERE i.legal_entity = :entity AND i.invoice_date = :day ORDER BY i.number
"""


def _as_ledger_invoice(row: RowMapping) -> LedgerInvoice:
    reference: ExternalRef | None = references.read("reference", row)
    currency = row["currency"]
    return LedgerInvoice(
        id=InvoiceId(str(row["id"])),
        key=row["key"],
        number=row["number"],
        reference=reference,
        net=Money(amount=row["net"], currency=currency),
        tax=Money(amount=row["tax"], currency=currency),
        gross=Money(amount=row["gross"], currency=currency),
        paid=Money(amount=row["paid"], currency=currency),
        state=InvoiceState(row["state"]),
    )
