"""Contract lines by billing method, beside time and materials and expenses."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from canonical.base import Noun
from canonical.terms.policies import Amount, Percent, Quantity, RevenueTiming


class TransferPrice(Noun):
    """What another entity of the firm gets for work that a line bills: exactly one way."""

    percent_of_rate: Percent | None = None
    hourly: Amount | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.percent_of_rate is None) == (self.hourly is None):
            raise ValueError("a transfer price is either `percent_of_rate` or `hourly`")
        return self


class LineTerms(Noun):
    """What every contract line says."""

    line_id: str
    tax_code: str = ""
    """Empty: the contract's."""
    legal_entity: str = ""
    """The entity that bills this line; empty: the contract's."""
    transfer_price: TransferPrice | None = None
    """For work by another entity than the one that bills."""


class RetainerPeriod(StrEnum):
    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half_year"
    YEAR = "year"


class Rollover(Noun):
    """What becomes of hours that a period leaves unused."""

    max_hours: Quantity
    expires_after_periods: int = Field(default=1, ge=0, le=120)


class UnusedAtClose(StrEnum):
    REFUND = "refund"
    FORFEIT = "forfeit"


class RetainerLine(LineTerms):
    """Hours bought in advance, period by period: a liability until used or forfeited."""

    method: Literal["retainer"] = "retainer"
    period: RetainerPeriod
    starts: date
    ends: date | None = None
    """The last day of the last period; empty: until the contract is closed."""
    fee: Amount
    included_hours: Decimal = Field(gt=0, le=100_000, decimal_places=4)
    rollover: Rollover = Rollover(max_hours=Decimal(0), expires_after_periods=0)
    overage_rate: Amount
    deficit_rolls: bool = False
    """Overage is taken from the next period's hours instead of being billed."""
    unused_at_close: UnusedAtClose = UnusedAtClose.FORFEIT
    revenue: Literal[RevenueTiming.ON_USE, RevenueTiming.ON_INVOICE] = RevenueTiming.ON_USE
    outside_caps: bool = False


class Milestone(Noun):
    milestone_id: str
    amount: Amount
    name: str = ""
    retention_percent: Percent | None = None
    """Empty: the line's."""


class RetentionTax(StrEnum):
    """With which invoice the tax on a retention falls due."""

    WITH_RELEASE = "with_release"
    WITH_MILESTONE = "with_milestone"


class MilestonesLine(LineTerms):
    """Amounts that bill on acceptance; the customer may keep a percentage until the release."""

    method: Literal["milestones"] = "milestones"
    milestones: tuple[Milestone, ...] = Field(min_length=1, max_length=500)
    retention_percent: Percent = Decimal(0)
    retention_tax: RetentionTax = RetentionTax.WITH_RELEASE
    revenue: Literal[RevenueTiming.ON_ACCEPTANCE, RevenueTiming.ON_INVOICE] = (
        RevenueTiming.ON_ACCEPTANCE
    )

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [milestone.milestone_id for milestone in self.milestones]
        if len(set(names)) != len(names):
            raise ValueError(f"contract line {self.line_id} names a milestone twice")
        return self


class ScheduleItem(Noun):
    item_id: str
    due_on: date
    amount: Amount
    description: str = ""


class Progress(StrEnum):
    COST_TO_COST = "cost_to_cost"
    HOURS = "hours"


class FixedFeeLine(LineTerms):
    """A price billed by its own schedule; revenue follows progress, time or the invoice."""

    method: Literal["fixed_fee"] = "fixed_fee"
    price: Amount
    schedule: tuple[ScheduleItem, ...] = Field(default=(), max_length=1_000)
    revenue: Literal[
        RevenueTiming.PERCENT_COMPLETE, RevenueTiming.STRAIGHT_LINE, RevenueTiming.ON_INVOICE
    ] = RevenueTiming.PERCENT_COMPLETE
    progress: Progress = Progress.COST_TO_COST
    starts: date | None = None
    ends: date | None = None
    """The term, both days included; needed for straight-line revenue."""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        planned = sum((item.amount for item in self.schedule), Decimal(0))
        if planned > self.price:
            raise ValueError(
                f"contract line {self.line_id}: its schedule bills {planned}, the price is "
                f"{self.price}; a schedule never bills more than the price"
            )
        if self.revenue is RevenueTiming.STRAIGHT_LINE and not self._has_term():
            raise ValueError(
                f"contract line {self.line_id}: straight-line revenue needs `starts` and `ends`, "
                "in this order"
            )
        return self

    def _has_term(self) -> bool:
        return self.starts is not None and self.ends is not None and self.starts <= self.ends


class Ceiling(Noun):
    """The most that the client's policy pays for one unit of a category, net of recoverable
    VAT."""

    category: str
    amount: Amount


class UnitRate(Noun):
    """A per diem or a mileage rate: its own price, without mark-up."""

    category: str
    billed: Amount
    paid: Amount | None = None
    """What the employee gets per unit; empty: the billed rate."""
    effective_from: date | None = None
    effective_to: date | None = None
