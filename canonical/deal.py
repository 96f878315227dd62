"""A deal as the CRM tells it: heard, not yet believed. Validation decides what becomes of it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pydantic import AwareDatetime

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


class DealLine(Fact):
    """One sold line. For time and materials: a role, its rate per hour, from when it holds."""

    reference: ExternalRef
    kind: str
    """The product family or code as sold, e.g. `role` or `expenses`."""
    role: str = ""
    """The role's name or code in the CRM's words; the landscape maps it to ours."""
    quantity: Decimal = Decimal(0)
    unit_price: Decimal = Decimal(0)
    effective_from: date | None = None
    description: str = ""


class DealPerson(Fact):
    """Somebody who is to be staffed on the project."""

    name: str
    email: str
    role: str


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


class WonDeal(Fact):
    """A won deal as the CRM's list shows it: enough to know whether we have heard of it."""

    reference: ExternalRef
    revision: str
    """Equal to `Deal.revision` of the same state."""
    changed_at: AwareDatetime
