"""Tax: which code a client gets, which rate holds on a date, and the tax rows of a document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby

from canonical.client import Client
from canonical.contract import TaxMode
from canonical.errors import RuleViolation, SetupInvalid
from canonical.invoice import InvoiceLine, TaxRow
from canonical.landscape import LegalEntity, TaxRule
from canonical.money import Money, total

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


def tax_rows(
    entity: LegalEntity, lines: Sequence[InvoiceLine], tax_point: date, mode: TaxMode
) -> tuple[TaxRow, ...]:
    """One row per tax code, exclusive of tax (accounting rules, convention 3)."""
    by_code = sorted(lines, key=lambda line: line.tax_code)
    return tuple(
        _tax_row(tax_rule_on(entity, code, tax_point), [line.net for line in group], mode)
        for code, group in groupby(by_code, key=lambda line: line.tax_code)
    )


def _tax_row(rule: TaxRule, nets: list[Money], mode: TaxMode) -> TaxRow:
    currency = nets[0].currency
    base = total(nets, currency)
    parts = [base] if mode is TaxMode.PER_RATE_TOTAL else nets
    return TaxRow(
        tax_code=rule.code,
        category=rule.category,
        rate=rule.rate,
        base=base,
        amount=total((_tax_on(part, rule.rate) for part in parts), currency),
    )


def _tax_on(base: Money, rate: Decimal) -> Money:
    return Money.rounded(base.amount * rate, base.currency)


def check_against(ours: Money, theirs: Money, lines: int, what: str) -> None:
    """The owner's figure is booked; ours checks it within 0.01 x lines (convention 13).

    Raises RuleViolation beyond that, or for another currency.
    """
    difference = abs((ours - theirs).amount)
    if difference > Decimal("0.01") * lines:
        raise RuleViolation(
            f"{what}: we compute {ours}, the ERP {theirs} (difference {difference})"
        )


def legal_texts(entity: LegalEntity, rows: Iterable[TaxRow], tax_point: date) -> tuple[str, ...]:
    """The sentences that a document with these tax rows must carry, each once."""
    rules = (tax_rule_on(entity, row.tax_code, tax_point) for row in rows)
    return tuple(dict.fromkeys(rule.legal_text for rule in rules if rule.legal_text))
