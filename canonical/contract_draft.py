"""The contract that a deal asks for, as plain data: its lines, with its terms sheet laid over.

Nothing in it is believed yet. `canonical.validation` judges the draft, and `canonical.agreement`
makes it a contract version.
"""

from __future__ import annotations

from collections.abc import Mapping

from canonical.deal import Deal, DealAccount
from canonical.deal_lines import Draft, lines_of, starts_on
from canonical.ids import client_id, contract_id, engagement_id
from canonical.landscape import LegalEntity
from canonical.overlay import lay_over, line_changes

OWNED: Mapping[str, str] = {
    "contract_id": "it follows from the deal",
    "engagement_id": "it follows from the deal",
    "version": "a deal makes the first one; later ones are amendments",
    "effective_from": "it is the deal's service start",
    "legal_entity": "it is the deal's",
    "bill_to": "it is the deal's account",
    "currency": "it is the deal's",
}
"""What says who is billed by whom, in which currency and from when: no terms sheet changes it."""


def draft_of(deal: Deal, entity: LegalEntity, tax_code: str) -> Draft:
    return {**header_of(deal, entity), **terms_of(deal, entity, tax_code)}


def header_of(deal: Deal, entity: LegalEntity) -> Draft:
    """What deal and landscape say of the contract as a whole."""
    engagement = engagement_id(deal.reference)
    return {
        "contract_id": contract_id(engagement),
        "engagement_id": engagement,
        "version": 1,
        "effective_from": starts_on(deal),
        "legal_entity": entity.code,
        "bill_to": "" if deal.account is None else client_id(deal.account.reference),
        "currency": deal.currency,
        "net_days": deal.net_days,
        "purchase_order": deal.purchase_order,
        "grouping": entity.grouping,
        "tax_mode": entity.tax_mode,
    }


def terms_of(deal: Deal, entity: LegalEntity, tax_code: str) -> Draft:
    """The lines and the policies. The deal's own method comes first, because of two lines that
    can take the same work the first one does; a line without tax code has the contract's."""
    policies: Draft = {name: value for name, value in deal.terms.items() if name not in OWNED}
    changes = line_changes(policies.pop("lines", ())).changes
    tax = policies.get("tax_code") or tax_code
    lines = [
        {**line, "tax_code": line.get("tax_code") or tax}
        for line in lay_over(lines_of(deal, entity), changes)
    ]
    lines.sort(key=lambda line: line.get("method") != deal.billing_method)
    if "payers" in policies and deal.account is not None:
        policies["payers"] = _payers(policies["payers"], deal.account)
    return {**policies, "tax_code": tax, "lines": lines}


def client_code(account: DealAccount) -> str:
    """The code under which PSA, ERP and terms sheets know the client."""
    return account.code or account.reference.id


def _payers(told: object, account: DealAccount) -> object:
    """Payers are told by client code and kept by our id."""
    if not isinstance(told, list):
        return told
    code, customer = client_code(account), client_id(account.reference)
    return [
        {**payer, "customer": customer}
        if isinstance(payer, Mapping) and payer.get("customer") == code
        else payer
        for payer in told
    ]
