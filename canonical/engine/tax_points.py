"""Tax points: the day whose tax holds for each transaction of a document (convention 7)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.contract import ContractVersion
from canonical.engine.columns import AGENT, UNTAXED
from canonical.engine.rows import Transaction
from canonical.invoice import TaxCategory
from canonical.ledger.entity import EntityTerms
from canonical.rules.tax import TaxKey
from canonical.terms.policies import TaxPoint

ZERO = Decimal(0)
_NO_TAX = {
    AGENT: "disbursement paid as the customer's agent",
    UNTAXED: "taxed on another document",
}
"""Outside scope (O) on a document of their own, exempt (E) on a mixed one (EN 16931 BR-O-11)."""


class TaxPoints(NamedTuple):
    """Which tax row holds for each transaction of a document."""

    fixed: date | None
    """The tax point of all, by the contract's policy; None: each has the day of its service."""
    keys: dict[tuple[str, date], TaxKey | None]

    def day(self, row: Transaction) -> date:
        return self.fixed or row.work_date

    def of(self, row: Transaction) -> TaxKey | None:
        """None only where the contract has no tax at all."""
        return self.keys[row.tax_code, self.fixed or row.work_date]

    def rate(self, row: Transaction) -> Decimal:
        key = self.keys[row.tax_code, self.fixed or row.work_date]
        return ZERO if key is None else key.rate


def tax_points(
    entity: EntityTerms,
    version: ContractVersion,
    invoiced_on: date,
    rows: Iterable[Transaction],
) -> TaxPoints:
    """Work of before a change of a rate keeps the old one, also on a later document."""
    follows_invoice = version.tax_point in (TaxPoint.INVOICE, TaxPoint.PAYMENT)
    fixed = invoiced_on if follows_invoice else None
    lines = {(row.tax_code, fixed or row.work_date): row.line_id for row in rows}
    keys = {
        (code, day): _tax_key(entity, code, day, line_id) for (code, day), line_id in lines.items()
    }
    of_services = [key for key in keys.values() if key is not None and key.code not in _NO_TAX]
    if any(key.category is not TaxCategory.OUTSIDE_SCOPE for key in of_services):
        exempt = TaxCategory.EXEMPT
        keys |= {
            place: key._replace(category=exempt)
            for place, key in keys.items()
            if key is not None and key.code in _NO_TAX
        }
    return TaxPoints(fixed, keys)


def _tax_key(entity: EntityTerms, code: str, day: date, line_id: str) -> TaxKey | None:
    if not code:
        return None
    if code in _NO_TAX:
        return TaxKey(code, "", TaxCategory.OUTSIDE_SCOPE, ZERO, _NO_TAX[code])
    tax = entity.tax_on(code, day, line_id)
    return TaxKey(tax.code, tax.jurisdiction, tax.category, tax.rate, tax.reason)
