"""Ownership as data: for each field, the role of the system whose word counts."""

from __future__ import annotations

from canonical.errors import ChangeNotAllowed
from canonical.landscape import SystemRole

OWNERS: dict[str, SystemRole] = {
    "client.name": SystemRole.CRM,
    "client.parent": SystemRole.CRM,
    "client.address": SystemRole.CRM,
    "client.tax_ids": SystemRole.CRM,
    "client.invoice_email": SystemRole.CRM,
    "deal.amount": SystemRole.CRM,
    "deal.lines": SystemRole.CRM,
    "contract.rates": SystemRole.CRM,
    "contract.purchase_order": SystemRole.CRM,
    "contract.net_days": SystemRole.CRM,
    "project.team": SystemRole.PSA,
    "project.status": SystemRole.PSA,
    "time": SystemRole.TIME,
    "expense": SystemRole.EXPENSES,
    "invoice.number": SystemRole.ERP,
    "invoice.state": SystemRole.ERP,
    "invoice.tax": SystemRole.ERP,
    "invoice.posting": SystemRole.ERP,
    "payment": SystemRole.ERP,
    "period.lock": SystemRole.ERP,
}


def owner_of(field: str) -> SystemRole:
    """The owner of a field, by its longest listed prefix (`time.hours` belongs where `time`
    does)."""
    parts = field.split(".")
    for length in range(len(parts), 0, -1):
        owner = OWNERS.get(".".join(parts[:length]))
        if owner is not None:
            return owner
    raise KeyError(f"no owner is listed for {field}; add it to canonical.ownership.OWNERS")


def require_owner(field: str, writer: SystemRole) -> None:
    """Raises ChangeNotAllowed when `writer` does not own `field`: its change is a proposal."""
    owner = owner_of(field)
    if writer is not owner:
        raise ChangeNotAllowed(field=field, owner=owner.value, writer=writer.value)


EVENT_FIELDS: dict[str, str] = {
    "deal.closed": "deal.lines",
    "time.approved": "time",
    "time.recalled": "time",
    "expense.approved": "expense",
    "expense.recalled": "expense",
    "payment.received": "payment",
    "period.locked": "period.lock",
}
"""Which field an event asserts; events that are not listed are requests, which anyone trusted may
send."""
