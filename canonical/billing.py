"""What the rules make of approved work: billing transactions, and holds with their reasons."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime, Field

from canonical.base import Noun
from canonical.ids import ContractId, EngagementId, TransactionId, WorkItemId
from canonical.money import Money
from canonical.periods import Period


class BillingRun(Noun):
    """One run of billing for an engagement: the period, the cut-off, and its number from the
    store."""

    engagement_id: EngagementId
    period: Period
    cutoff: AwareDatetime
    """What was approved at or before this instant is taken."""
    run: int = Field(ge=1)


class BillingTransaction(Noun):
    """A part of a work item, priced. Immutable; a correction is another transaction that credits
    it."""

    id: TransactionId
    item_id: WorkItemId
    item_version: int
    engagement_id: EngagementId
    contract_id: ContractId
    contract_version: int
    line_id: str
    run: int
    portion: int = 1
    kind: Literal["time", "expense"]
    source: str
    external_id: str
    work_date: date
    person: str
    person_name: str = ""
    role: str = ""
    task: str = ""
    description: str = ""
    quantity: Decimal
    """In the entry's own unit; negative on a credit."""
    rate: Decimal
    """Price of one unit in the contract's currency, before rounding."""
    rate_basis: str
    """Which row or policy set the rate, e.g. `rates#2` or `cost 120.00 EUR + 5 %`."""
    amount: Money
    """quantity x rate, rounded once."""
    tax_code: str
    currency_basis: str
    """How the amount got its currency, e.g. `contract currency EUR`."""
    approved_by: str
    approved_at: AwareDatetime
    credits: TransactionId | None = None


class Hold(Noun):
    """A part of approved work that is not billed now, and why."""

    item_id: WorkItemId
    quantity: Decimal
    reason: str
    detail: str


class RunOutcome(Noun):
    """What one rule makes of the items of one contract line."""

    transactions: tuple[BillingTransaction, ...] = ()
    holds: tuple[Hold, ...] = ()
