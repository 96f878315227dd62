"""A legal entity as the engine needs it: currency, taxes, chart, and who does what."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from canonical.base import Noun
from canonical.errors import RuleViolation
from canonical.invoice import TaxCategory
from canonical.landscape import LegalEntity, Owner
from canonical.ledger.accounts import Account
from canonical.money import Currency


class TaxTerms(Noun):
    """One tax code from a day on."""

    code: str
    category: TaxCategory = TaxCategory.STANDARD
    rate: Decimal = Field(default=Decimal(0), ge=0, lt=1)
    """As a fraction: 0.19 for 19 %. Only the standard category has one."""
    effective_from: date = date.min
    jurisdiction: str = ""
    reason: str = ""
    """Why there is no tax (exempt, reverse charge), as the document must say it."""

    @model_validator(mode="after")
    def _only_standard_has_a_rate(self) -> Self:
        is_standard = self.category is TaxCategory.STANDARD
        if is_standard and "rate" not in self.model_fields_set:
            raise ValueError(f"tax {self.code} needs its `rate`, as a fraction: 0.19 for 19 %")
        if not is_standard and self.rate:
            raise ValueError(
                f"tax {self.code} is of category {self.category.value}, which has no tax: leave "
                "its `rate` out"
            )
        return self


class EntityTerms(Noun):
    """Books of one company of the firm."""

    code: str
    currency: Currency
    """The functional currency: its ledger is kept in it."""
    taxes: tuple[TaxTerms, ...] = ()
    accounts: dict[Account, str] = {}
    """The entity's own numbers, by the account of the accounting rules."""
    tax_owner: Owner = Owner.ENGINE
    revenue_owner: Owner = Owner.ENGINE
    """With `erp`, revenue journals are kept here for proof and never sent."""
    claims_owner: Owner = Owner.ENGINE
    """With `erp`, journals of expense claims are kept here for proof and never sent."""
    go_live: date | None = None
    """Work before this date was billed elsewhere."""

    def number(self, account: Account) -> str:
        return self.accounts.get(account, account.value)

    def tax_on(self, code: str, day: date, line_id: str) -> TaxTerms:
        """The row of a tax code in force on a day. Raises RuleViolation when there is none."""
        rows = [tax for tax in self.taxes if tax.code == code and tax.effective_from <= day]
        if not rows:
            raise RuleViolation(
                f"contract line {line_id}: tax code {code!r} is not mapped for legal entity "
                f"{self.code} on {day}; add it to the entity's taxes"
            )
        return max(rows, key=lambda tax: tax.effective_from)


def entity_terms(entity: LegalEntity) -> EntityTerms:
    """The books of an entity of the landscape; its chart maps account numbers by their default."""
    known = {account.value: account for account in Account}
    return EntityTerms(
        code=entity.code,
        currency=entity.currency,
        taxes=tuple(
            TaxTerms(
                code=rule.code,
                category=rule.category,
                rate=rule.rate,
                effective_from=rule.effective_from,
                jurisdiction=entity.country,
                reason=rule.legal_text,
            )
            for rule in entity.taxes
        ),
        accounts={
            known[name]: number for name, number in entity.erp.accounts.items() if name in known
        },
        tax_owner=entity.tax_owner,
        revenue_owner=entity.revenue_owner,
        claims_owner=entity.claims_owner,
        go_live=entity.go_live,
    )
