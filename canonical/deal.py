"""A deal as the CRM tells it: heard, not yet believed. Validation decides what becomes of it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import AwareDatetime, JsonValue

from canonical.base import Fact
from canonical.client import Address
from canonical.ids import ExternalRef


class DealAccount(Fact):
    """The account of a deal (or its parent), as the CRM holds it."""

    reference: ExternalRef
    name: str
    legal_name: str = ""
    code: str = ""
    address: Address = Address()
    vat_id: str = ""
    invoice_email: str = ""
    parent: ExternalRef | None = None
    parent_name: str = ""


class LineKind(StrEnum):
    """What a sold line is to the contract."""

    ROLE = "role"
    """Hours of a role: the unit price is the rate per hour, from the line's date on."""
    RETAINER = "retainer"
    """The quantity is the hours of a period, the unit price the fee of a period."""
    MILESTONE = "milestone"
    """The amount falls due on acceptance; the description is the milestone's name."""
    FEE = "fee"
    """An instalment of a fixed fee: the amount falls due on the line's date."""
    EXPENSES = "expenses"
    """An estimate; whether and how expenses are billed is the deal's mark-up."""
    OTHER = "other"
    """Sold on the same deal and not billed by us."""


class RetainerTerms(Fact):
    """What was sold of a retainer beside its hours and its fee; empty: the CRM has nothing."""

    period: str = ""
    """`month`, `quarter` or `year`."""
    overage_rate: Decimal | None = None
    """Per hour beyond what the period holds, in the deal's currency."""
    rollover_hours_max: Decimal | None = None
    rollover_periods: int | None = None
    deficit_rolls: bool = False
    unused_at_close: str = ""
    """`refund` or `forfeit`."""


class DealLine(Fact):
    """One sold line; its kind says what quantity, price and date mean."""

    reference: ExternalRef
    kind: str
    """A `LineKind`, or the product family as the CRM has it when nobody mapped it."""
    item_id: str = ""
    """The line's own name in the contract: of a milestone, an instalment or a retainer."""
    role: str = ""
    """The role's name or code in the CRM's words; the landscape maps it to ours."""
    quantity: Decimal = Decimal(0)
    unit_price: Decimal = Decimal(0)
    effective_from: date | None = None
    """From when a rate holds, a retainer's first day, or the day on which an instalment is due."""
    description: str = ""
    retainer: RetainerTerms | None = None


class DealPerson(Fact):
    """Somebody who is to be staffed on the project."""

    name: str
    email: str
    role: str


class TermsUnreadable(Fact):
    """Why the text of a terms sheet could not be read; the line counts from 1, 0 is unknown."""

    line: int
    reason: str
    remedy: str


class Deal(Fact):
    """An opportunity with everything that the contract needs; empty text means "the CRM has
    nothing"."""

    reference: ExternalRef
    revision: str
    """The CRM's own modification stamp: two readings with the same revision are the same deal."""
    name: str
    is_won: bool
    close_date: date | None = None
    amount: Decimal | None = None
    currency: str = ""
    account: DealAccount | None = None
    lines: tuple[DealLine, ...] = ()
    legal_entity: str = ""
    billing_method: str = ""
    purchase_order: str = ""
    purchase_order_required: bool = False
    net_days: int | None = None
    expense_markup_percent: Decimal | None = None
    service_start: date | None = None
    service_end: date | None = None
    team: tuple[DealPerson, ...] = ()
    amends: ExternalRef | None = None
    """The deal or contract that this deal amends, when the CRM links one; never guessed."""
    terms: dict[str, JsonValue] = {}
    """The terms sheet: what no line says, in the words of `ContractVersion`. Values are texts,
    truths, lists and mappings; numbers and days stay text, so that none loses a digit."""
    terms_unreadable: TermsUnreadable | None = None


class WonDeal(Fact):
    """A won deal as the CRM's list shows it: enough to know whether we have heard of it."""

    reference: ExternalRef
    revision: str
    """Equal to `Deal.revision` of the same state."""
    changed_at: AwareDatetime
