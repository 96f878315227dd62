"""Tax: which code a client gets, which rate holds on a date, and the tax rows of a document."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from canonical.client import Client
from canonical.engine.columns import AGENT, UNTAXED
from canonical.errors import RuleViolation, SetupInvalid
from canonical.invoice import TaxRow
from canonical.landscape import LegalEntity, TaxRule
from canonical.money import Money

_EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
EU_VAT_AREA = frozenset(_EU.split())
"""ISO codes of the EU member states (Greece is GR here, EL in a VAT id)."""


def tax_code_for(entity: LegalEntity, client: Client) -> str:
    """The tax code of services that `entity` sells to `client` (place of supply, Directive
    2006/112/EC art. 44).

    Raises SetupInvalid when the entity's policy has no code for such a client.
    """
    code = _code_for(entity, client)
    if not code:
        country = client.address.country
        raise SetupInvalid(
            f"legal entity {entity.code} has no tax code for clients in {country or 'no country'}; "
            "add it to the landscape's tax_policy"
        )
    return code


def _code_for(entity: LegalEntity, client: Client) -> str:
    policy, country = entity.tax_policy, client.address.country
    if not country:
        return ""
    if country == entity.country:
        return policy.domestic
    if country in EU_VAT_AREA and entity.country in EU_VAT_AREA:
        return policy.eu_business if client.vat_id() else policy.domestic
    return policy.third_country


def tax_rule_on(entity: LegalEntity, code: str, day: date) -> TaxRule:
    """The rule of a tax code in force on a day. Raises SetupInvalid when there is none."""
    rules = [rule for rule in entity.taxes if rule.code == code and rule.effective_from <= day]
    if not rules:
        raise SetupInvalid(f"legal entity {entity.code} has no tax {code!r} in force on {day}")
    return max(rules, key=lambda rule: rule.effective_from)


def erp_tax_of(entity: LegalEntity, code: str, day: date) -> str | None:
    """The ERP's name of a line's tax; None for lines without tax on this document: disbursements
    paid as agent, retentions taxed with another document, contracts without tax."""
    if code in ("", AGENT, UNTAXED):
        return None
    return tax_rule_on(entity, code, day).erp_tax


def check_against(ours: Money, theirs: Money, lines: int, what: str) -> None:
    """The owner's figure is booked; ours checks it within 0.01 x lines (convention 13).

    Raises RuleViolation beyond that, or for another currency.
    """
    difference = abs((ours - theirs).amount)
    if difference > Decimal("0.01") * lines:
        raise RuleViolation(
            f"{what}: we compute {ours}, the ERP {theirs} (difference {difference})"
        )


def legal_texts(rows: Iterable[TaxRow]) -> tuple[str, ...]:
    """The sentences that a document with these tax rows must carry, each once."""
    return tuple(dict.fromkeys(row.reason for row in rows if row.reason))
