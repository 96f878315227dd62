"""Billing runs, and what one makes: parts billed, parts held with their reason, documents,
journals."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import AwareDatetime, Field

from canonical.base import Noun
from canonical.ids import EngagementId
from canonical.invoice import Invoice
from canonical.money import Money
from canonical.periods import Period


class RunKind(StrEnum):
    CUTOFF = "cutoff"
    """Everything that is ready by the cut-off."""
    RETENTION_RELEASE = "retention_release"
    """What the client kept back, and nothing else."""


class BillingRun(Noun):
    """One run of billing for an engagement: the period, the cut-off, and its number from the
    store."""

    engagement_id: EngagementId
    period: Period
    cutoff: AwareDatetime
    """What was approved at or before this instant is taken."""
    run: int = Field(ge=1)
    kind: RunKind = RunKind.CUTOFF


class BilledPart(Noun):
    """A part of an entry, or a fee, that a run bills."""

    entry: str
    """`<source>/<kind>/<id>` of an entry, `<contract line>/<key>` of a fee."""
    kind: str
    line_id: str
    work_date: date
    description: str
    quantity: Decimal
    rate: Decimal
    rate_basis: str
    amount: Money
    """Before discounts."""
    net: Money
    invoice: str


class HeldPart(Noun):
    """A part of approved work that is not billed now, and why."""

    entry: str
    quantity: Decimal
    """In the entry's own quantity."""
    reason: str
    cap_id: str = ""
    is_fee: bool = False
    """A fee of the contract itself, and no entry."""
    amount: Money | None = None
    """Its price, where it has one."""


class JournalSide(Noun):
    account: str
    """The entity's own number."""
    amount: Decimal
    """In the functional currency; debits are positive."""


class JournalShown(Noun):
    """A journal as people read it."""

    legal_entity: str
    on: date
    event: str
    currency: str
    sides: tuple[JournalSide, ...]


class BillingPreview(Noun):
    """What a billing run would do now, without doing it."""

    run: BillingRun
    billed: tuple[BilledPart, ...]
    held: tuple[HeldPart, ...]
    invoices: tuple[Invoice, ...]
    journals: tuple[JournalShown, ...]
    """Revenue that the run brings up to date; the invoice's own journal is posted with it."""
