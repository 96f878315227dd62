"""Payments as the ERP, their owner, records them; and what the other systems are told."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import AwareDatetime

from canonical.base import Noun
from canonical.ids import EngagementId, ExternalRef
from canonical.money import Money


class PaymentSeen(Noun):
    """One payment of one invoice, read from the ERP."""

    reference: ExternalRef
    invoice: ExternalRef
    amount: Money
    paid_on: date
    bank_reference: str = ""


class PaymentPage(Noun):
    """Payments seen since a cursor, and where to go on; stored before the cursor moves."""

    payments: tuple[PaymentSeen, ...]
    cursor: str
    has_more: bool


class BillingStage(StrEnum):
    """Where an engagement's billing stands, in the words that CRM and PSA show."""

    PROJECT_READY = "project_ready"
    INVOICED = "invoiced"
    PART_PAID = "part_paid"
    PAID = "paid"
    CLOSED = "closed"


class BillingStatus(Noun):
    """What CRM and PSA are told. A greater `version` is newer; an older one never overwrites it."""

    engagement_id: EngagementId
    stage: BillingStage
    project_code: str
    version: int
    invoice_number: str = ""
    invoice_gross: Money | None = None
    invoice_date: date | None = None
    paid: Money | None = None
    as_of: AwareDatetime
