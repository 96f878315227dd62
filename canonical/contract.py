"""Contracts: immutable, effective-dated versions whose lines say how work becomes money."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from canonical.base import Noun
from canonical.client import NET_DAYS_MAX
from canonical.errors import RateMissing, RuleViolation
from canonical.ids import ClientId, ContractId, EngagementId
from canonical.money import Currency

RATE_DIGITS_MAX, RATE_DECIMALS = 14, 4
MARKUP_PERCENT_MAX = 1_000


class RateRow(Noun):
    """The rate of a role per hour, in the contract's currency, from and until (inclusive) a WORK
    date."""

    row: str
    """The row's name in explanations, e.g. `rates#2`."""
    role: str
    rate: Decimal = Field(ge=0, max_digits=RATE_DIGITS_MAX, decimal_places=RATE_DECIMALS)
    effective_from: date
    effective_to: date | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.effective_to is not None and self.effective_to < self.effective_from:
            raise ValueError(
                f"rate row {self.row} ends on {self.effective_to}, before it begins on "
                f"{self.effective_from}"
            )
        return self

    def covers(self, role: str, work_date: date) -> bool:
        before_end = self.effective_to is None or work_date <= self.effective_to
        return self.role == role and self.effective_from <= work_date and before_end


def _refuse_overlaps(rows: tuple[RateRow, ...]) -> None:
    ordered = sorted(rows, key=lambda row: (row.role, row.effective_from))
    for first, second in pairwise(ordered):
        open_ended = first.effective_to is None or second.effective_from <= first.effective_to
        if first.role == second.role and open_ended:
            raise ValueError(
                f"rate rows {first.row} and {second.row} overlap for role {first.role!r} "
                f"on {second.effective_from}; end the first before the second begins"
            )


class TimeAndMaterialsLine(Noun):
    """Approved hours at the rate of their role on the work date."""

    method: Literal["time_and_materials"] = "time_and_materials"
    line_id: str
    tax_code: str
    rates: tuple[RateRow, ...] = Field(min_length=1, max_length=2_000)

    @model_validator(mode="after")
    def _rows_do_not_overlap(self) -> Self:
        _refuse_overlaps(self.rates)
        return self

    def rate_for(self, role: str, work_date: date, item: str) -> RateRow:
        """The row of `role` on `work_date`. Raises RateMissing when none covers it."""
        for row in self.rates:
            if row.covers(role, work_date):
                return row
        raise RateMissing(line_id=self.line_id, role=role, work_date=work_date, item=item)


class ExpensesLine(Noun):
    """Approved expenses, re-billed at their net cost plus a mark-up in percent."""

    method: Literal["expenses"] = "expenses"
    line_id: str
    tax_code: str
    markup_percent: Decimal = Field(default=Decimal(0), ge=0, le=MARKUP_PERCENT_MAX)


ContractLine = Annotated[TimeAndMaterialsLine | ExpensesLine, Field(discriminator="method")]


class InvoiceGrouping(StrEnum):
    """What one invoice line gathers; the order is from fine to coarse."""

    ENTRY = "entry"
    DAY = "day"
    TASK = "task"
    PERSON = "person"
    ROLE = "role"


class TaxMode(StrEnum):
    PER_RATE_TOTAL = "per_rate_total"
    """One tax amount per tax row, from the sum of its nets (EN 16931 BR-CO-17)."""
    PER_LINE = "per_line"


class ContractVersion(Noun):
    """What was agreed, from `effective_from` on. Never changed: an amendment adds a version."""

    contract_id: ContractId
    engagement_id: EngagementId
    version: int = Field(ge=1)
    effective_from: date
    legal_entity: str
    bill_to: ClientId
    currency: Currency
    net_days: int = Field(ge=0, le=NET_DAYS_MAX)
    purchase_order: str = ""
    grouping: InvoiceGrouping = InvoiceGrouping.ROLE
    tax_mode: TaxMode = TaxMode.PER_RATE_TOTAL
    lines: tuple[ContractLine, ...] = Field(min_length=1, max_length=500)

    def line_of(self, method: str) -> ContractLine | None:
        return next((line for line in self.lines if line.method == method), None)


def version_on(versions: tuple[ContractVersion, ...], work_date: date) -> ContractVersion:
    """The version in force on a work date. Raises RuleViolation before the first one."""
    in_force = [version for version in versions if version.effective_from <= work_date]
    if not in_force:
        raise RuleViolation(
            f"work on {work_date} is before the contract begins; "
            "correct the work date or give the contract an earlier effective date"
        )
    return max(in_force, key=lambda version: (version.effective_from, version.version))
