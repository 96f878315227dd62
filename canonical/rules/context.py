"""What every rule is told beside its line and its items."""

from __future__ import annotations

from decimal import Decimal

from canonical.base import Noun
from canonical.billing import BillingRun, BillingTransaction
from canonical.contract import ContractVersion
from canonical.ids import transaction_id
from canonical.landscape import LegalEntity
from canonical.money import Money
from canonical.work import Expense, TimeEntry


class RatedItem(Noun):
    """A work item as the store offers it for billing: the item, our version of it, what is
    unbilled."""

    item: TimeEntry | Expense
    version: int
    """Counts our revisions of the item; part of the transaction's id."""
    unbilled: Decimal
    """Approved minus billed plus credited, in the item's own quantity."""


class RuleContext(Noun):
    """The run, the contract version that the items' work dates choose, and the entity that
    bills."""

    run: BillingRun
    version: ContractVersion
    entity: LegalEntity

    def transaction(
        self,
        rated: RatedItem,
        *,
        line_id: str,
        tax_code: str,
        rate: Decimal,
        basis: str,
        role: str = "",
    ) -> BillingTransaction:
        """`rated`'s unbilled quantity at `rate`, rounded once (accounting rules, convention 2)."""
        item = rated.item
        if item.approved_at is None:
            raise AssertionError(f"item {item.id} is offered for billing but has no approval")
        return BillingTransaction(
            id=transaction_id(item.id, rated.version, 1, self.run.period, self.run.run),
            item_id=item.id,
            item_version=rated.version,
            engagement_id=self.run.engagement_id,
            contract_id=self.version.contract_id,
            contract_version=self.version.version,
            line_id=line_id,
            run=self.run.run,
            kind=item.kind,
            source=item.source,
            external_id=item.external_id,
            work_date=item.work_date,
            person=item.person,
            person_name=item.person_name,
            role=role,
            task=item.task if isinstance(item, TimeEntry) else item.category,
            description=item.description,
            quantity=rated.unbilled,
            rate=rate,
            rate_basis=basis,
            amount=Money.rounded(rated.unbilled * rate, self.version.currency),
            tax_code=tax_code,
            currency_basis=f"contract currency {self.version.currency}",
            approved_by=item.approved_by,
            approved_at=item.approved_at,
        )
