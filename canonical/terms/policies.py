"""Policies of a contract version: choices another contract, country or entity may make otherwise.

The rules read them; none is decided in code (accounting rules, preamble).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from canonical.base import Noun
from canonical.ids import ClientId
from canonical.money import AMOUNT_DIGITS_MAX, Currency

Amount = Annotated[Decimal, Field(ge=0, max_digits=AMOUNT_DIGITS_MAX)]
"""An amount that is never negative, in the currency that its owner names."""
Percent = Annotated[Decimal, Field(ge=0, le=100)]
Quantity = Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=4)]
ExchangeRate = Annotated[Decimal, Field(gt=0, max_digits=18)]


class RevenueTiming(StrEnum):
    """When a line's revenue is recognised (convention 10)."""

    ON_APPROVAL = "on_approval"
    ON_ACCEPTANCE = "on_acceptance"
    ON_USE = "on_use"
    PERCENT_COMPLETE = "percent_complete"
    STRAIGHT_LINE = "straight_line"
    ON_INVOICE = "on_invoice"


class RateLevel(StrEnum):
    """Whose rate a row is, from the strongest to the weakest."""

    PERSON = "person"
    PROJECT_ROLE = "project_role"
    CONTRACT_ROLE = "contract_role"
    CUSTOMER_CARD = "customer_card"
    DEFAULT = "default"


class Stacking(StrEnum):
    """What happens where several multipliers meet."""

    HIGHEST_ONLY = "highest_only"
    MULTIPLY = "multiply"
    ADD = "add"
    """1.5 and 2 make 2.5: the premiums add up, the hour counts once."""


class Multipliers(Noun):
    """Premiums on the rate of an hour."""

    daily_over: Quantity | None = None
    """Hours of one person on one day beyond this are overtime."""
    overtime: Decimal = Field(default=Decimal("1.5"), ge=1, le=10)
    weekend: Decimal = Field(default=Decimal(1), ge=1, le=10)
    weekend_days: tuple[int, ...] = (6, 7)
    """ISO weekdays: 6 is Saturday, 7 is Sunday."""
    holiday: Decimal = Field(default=Decimal(1), ge=1, le=10)
    holidays: tuple[date, ...] = ()
    stacking: Stacking = Stacking.HIGHEST_ONLY


class ChargeKind(StrEnum):
    """What a charge is for; caps and discounts choose by it."""

    TIME = "time"
    EXPENSE = "expense"
    FEE = "fee"
    """Retainer fees, schedule items and milestones."""


class CapScope(StrEnum):
    ENTRY_KIND = "entry_kind"
    LINE = "line"
    CONTRACT = "contract"
    CUSTOMER = "customer"
    PURCHASE_ORDER = "purchase_order"


class CapPeriod(StrEnum):
    WHOLE = "whole"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class Cap(Noun):
    """A limit by money or by hours. Its height is the one in force at the run; which period or
    purchase order applies is chosen by WORK date (convention 7)."""

    cap_id: str = Field(min_length=1, max_length=80)
    scope: CapScope = CapScope.CONTRACT
    amount: Amount | None = None
    currency: Currency | None = None
    """The contract's; stated so that a cap in another currency is refused, not misread."""
    hours: Quantity | None = None
    line_id: str = ""
    """For the scope `line`."""
    customer: str = ""
    """For the scope `customer`: whose share it limits; empty: the bill-to party's."""
    kinds: tuple[ChargeKind, ...] = (ChargeKind.TIME, ChargeKind.EXPENSE)
    per: CapPeriod = CapPeriod.WHOLE
    effective_from: date | None = None
    effective_to: date | None = None
    """Work dates that a purchase order covers."""
    new_work_only: bool = False
    """A raise in this version is for work from its effective date on: older held work stays
    held."""

    @model_validator(mode="after")
    def _money_or_hours(self) -> Self:
        if (self.amount is None) == (self.hours is None):
            raise ValueError(f"cap {self.cap_id} needs either `amount` or `hours`")
        if self.scope is CapScope.LINE and not self.line_id:
            raise ValueError(f"cap {self.cap_id} of scope line needs `line_id`")
        if self.scope is CapScope.ENTRY_KIND and "kinds" not in self.model_fields_set:
            raise ValueError(
                f"cap {self.cap_id} of scope entry_kind needs `kinds`: time, expense, fee"
            )
        if self.customer and self.scope is not CapScope.CUSTOMER:
            raise ValueError(f"cap {self.cap_id}: only a cap of scope customer names a customer")
        return self


class Payer(Noun):
    """A customer that funds a share of every entry, with its own invoice and tax treatment."""

    customer: ClientId
    share: Decimal = Field(gt=0, le=1)
    tax_code: str = ""
    """Empty: the line's own."""


class Rerating(StrEnum):
    """What an amendment does to entries that are billed already."""

    FULL_CREDIT_AND_REBILL = "full_credit_and_rebill"
    ENTRY_CREDIT_AND_REBILL = "entry_credit_and_rebill"
    DELTA_CREDIT = "delta_credit"


class Modification(StrEnum):
    """How an amendment changes a fixed price (IFRS 15.20-21)."""

    SEPARATE = "separate"
    """Distinct at its stand-alone price: a new line; what was agreed stays as it is."""
    PROSPECTIVE = "prospective"
    """Distinct at another price: the remaining price over the remaining work."""
    CATCH_UP = "catch_up"
    """Not distinct: cumulative, on the modification date."""


class TaxPoint(StrEnum):
    """The day whose tax rate holds."""

    SERVICE_END = "service_end"
    ACCEPTANCE = "acceptance"
    INVOICE = "invoice"
    PAYMENT = "payment"


class BillingPolicies(Noun):
    """The policies of one contract version; the base of `ContractVersion`."""

    tax_code: str = ""
    """Of lines that name none. Empty on both: the contract has no tax at all."""
    tax_inclusive: bool = False
    """The prices hold the tax: the gross is fixed (convention 4)."""
    tax_point: TaxPoint = TaxPoint.SERVICE_END
    invoice_currency: Currency | None = None
    invoice_rate: ExchangeRate | None = None
    """Invoice currency per unit of contract currency; empty means the rate of the invoice day."""
    caps: tuple[Cap, ...] = Field(default=(), max_length=200)
    purchase_order_required: bool = False
    """Work that no purchase-order cap covers by its date is held."""
    payers: tuple[Payer, ...] = Field(default=(), max_length=50)
    """Empty: the bill-to party pays all."""
    labour_discount_percent: Percent = Decimal(0)
    multipliers: Multipliers | None = None
    rerating: Rerating = Rerating.FULL_CREDIT_AND_REBILL
    modification: Modification = Modification.CATCH_UP
    """How this version's change of a fixed price is accounted for."""
    accrue_unapproved: bool = False
    """Submitted, unapproved time is accrued at month end and reversed on day one."""
    writeoff_tolerance: Amount = Decimal(0)
    """A residue at or under it is written off by rule, in the invoice's currency."""
    second_approval_above: Amount | None = None
    """A write-down or write-up above it needs a second person, from finance."""

    @model_validator(mode="after")
    def _shares_add_up(self) -> Self:
        shares = sum((payer.share for payer in self.payers), Decimal(0))
        if self.payers and shares != 1:
            raise ValueError(f"the payers' shares add up to {shares}, not to 1")
        _refuse_repeated("payer", [payer.customer for payer in self.payers])
        _refuse_repeated("cap", [cap.cap_id for cap in self.caps])
        return self


def _refuse_repeated(what: str, names: Sequence[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"{what} {', '.join(repeated)} is named twice")
