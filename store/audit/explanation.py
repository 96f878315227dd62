"""An invoice line explained: all that stands between a source's entry and the ERP's document."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pydantic import AwareDatetime

from canonical.base import Noun
from canonical.invoice import TaxRow
from canonical.money import Money


class SourceEntry(Noun):
    """What was billed, in its source's own words, and who approved it."""

    system: str
    """Empty for a fee, which the contract itself makes due."""
    id: str
    revision: int | None
    """Our revision of the entry, as it was billed."""
    person: str
    person_name: str
    work_date: date
    description: str
    role: str
    task: str
    approved_by: str
    approved_at: AwareDatetime | None


class Acceptance(Noun):
    """The evidence of a milestone."""

    milestone: str
    accepted_by: str
    accepted_on: date
    document_hash: str


class Rate(Noun):
    """A rate row of the contract; only its name, where the version has no such row."""

    row: str
    level: str = ""
    subject: str = ""
    """The person or role whose rate it is."""
    rate: Decimal | None = None
    effective_from: date | None = None
    effective_to: date | None = None


class AgreedVersion(Noun):
    """The contract version by which something was billed."""

    contract: str
    version: int
    effective_from: date
    agreed_at: AwareDatetime
    line_id: str


class BilledTransaction(Noun):
    """One billing transaction of the line."""

    id: str
    kind: str
    entry: SourceEntry
    acceptance: Acceptance | None
    agreed: AgreedVersion
    run: str
    """The billing run that made it."""
    quantity: Decimal
    rate: Decimal
    """Per unit, in the contract's currency; never rounded."""
    rate_basis: str
    rate_row: Rate | None
    beaten: tuple[Rate, ...]
    """Rows that would have applied, had no stronger one been there; the strongest first."""
    amount: Money
    discount: Money
    net: Money
    currency_basis: str
    fx: Decimal | None
    """Invoice currency per unit of the contract's, where the contract fixes one."""
    limits: dict[str, Decimal]
    """What it consumed of each cap, in the contract's currency or in hours."""
    credits: str
    """The transaction that it credits, with its invoice."""


class Side(Noun):
    """One side of a journal; debits are positive."""

    account: str
    amount: Decimal
    currency: str
    document_amount: Decimal
    document_currency: str


class BookedJournal(Noun):
    """A journal of our ledger."""

    number: int
    legal_entity: str
    on: date
    event: str
    kept_by: str
    """Whose it is: ours (`engine`), or the ERP's, which keeps the same one by itself."""
    sides: tuple[Side, ...]


class SpotRate(Noun):
    """The exchange rate by which our ledger translated the document."""

    pair: str
    rate: Decimal
    rate_on: date
    source: str


class ErpPosting(Noun):
    """How the document came into the ERP."""

    system: str
    reference: str
    state: str
    attempts: int
    prepared_at: AwareDatetime
    changed_at: AwareDatetime


class TrailEntry(Noun):
    """A row of the audit trail."""

    id: int
    at: AwareDatetime
    actor: str
    action: str
    detail: dict[str, str]
    chain: str
    number: int | None
    """Its place in the chain; none while it waits for its seal."""


class Explanation(Noun):
    """An invoice line with everything that led to it."""

    invoice: str
    number: str
    """The ERP's number; empty until it is posted."""
    type: str
    state: str
    legal_entity: str
    engagement: str
    period: str
    invoice_date: date | None
    line_no: int
    description: str
    net: Money
    quantity: Decimal
    tax: TaxRow | None
    """The document's row of the line's tax code; its base gathers all lines of that code."""
    transactions: tuple[BilledTransaction, ...]
    transactions_left_out: int
    posted: tuple[BookedJournal, ...]
    """The journals of the whole document."""
    revenue: tuple[BookedJournal, ...]
    """Those of revenue of the contract, in the service periods of the line; they are sums."""
    spot_rate: SpotRate | None
    erp: ErpPosting | None
    trail: tuple[TrailEntry, ...]
