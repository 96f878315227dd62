"""Salesforce in its own words: the rows that the adapter reads, unknown fields kept.

Nothing has a default: a field that we asked for and that is not in the answer is schema drift.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pydantic import AwareDatetime, BaseModel, ConfigDict, StrictBool


class _Row(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class OpportunityRow(_Row):
    """The standard fields of a deal; line items, team and account are read from the raw row."""

    Id: str
    Name: str
    AccountId: str | None
    Amount: Decimal | None
    CloseDate: date | None
    IsWon: StrictBool


class OpportunityStamp(_Row):
    """What the list of won deals needs of a row."""

    Id: str
    SystemModstamp: AwareDatetime


class DealTerms(_Row):
    """The organisation's own fields of an opportunity, under our names."""

    legal_entity: str | None
    billing_method: str | None
    currency: str | None
    purchase_order: str | None
    purchase_order_required: StrictBool | None
    net_days: int | None
    expense_markup_percent: Decimal | None
    service_start: date | None
    service_end: date | None
    amends: str | None
    contract_terms: str | None


class AccountRow(_Row):
    """The standard fields of an account."""

    Id: str
    Name: str
    ParentId: str | None
    BillingStreet: str | None
    BillingCity: str | None
    BillingPostalCode: str | None
    BillingState: str | None


class AccountTerms(_Row):
    """The organisation's own fields of an account, under our names."""

    legal_name: str | None
    code: str | None
    vat_id: str | None
    invoice_email: str | None
    country: str | None


class AccountTrace(_Row):
    """An account of whatever state: live, deleted, or merged into another."""

    Id: str
    IsDeleted: StrictBool
    MasterRecordId: str | None


class LineRow(_Row):
    Id: str
    ProductCode: str | None
    Quantity: Decimal
    UnitPrice: Decimal
    ServiceDate: date | None
    Description: str | None


class LineTerms(_Row):
    kind: str | None
    role: str | None
    item_id: str | None


class RetainerRow(_Row):
    """The organisation's own fields of a line that sells a retainer, under our names."""

    period: str | None
    overage_rate: Decimal | None
    rollover_hours_max: Decimal | None
    rollover_periods: int | None
    deficit_rolls: StrictBool | None
    unused_at_close: str | None


class MemberRow(_Row):
    name: str | None
    email: str | None
    role: str | None


class StatusRow(_Row):
    """What the deal shows of billing now."""

    Id: str
    SystemModstamp: AwareDatetime


class StatusTerms(_Row):
    version: Decimal | None
    currency: str | None
