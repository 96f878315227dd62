"""Contracts: immutable, effective-dated versions whose lines say how work becomes money."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from canonical.base import Noun
from canonical.client import NET_DAYS_MAX
from canonical.errors import RateMissing, RuleViolation
from canonical.ids import ClientId, ContractId, EngagementId
from canonical.money import Currency
from canonical.terms.lines import (
    Ceiling,
    FixedFeeLine,
    LineTerms,
    MilestonesLine,
    RetainerLine,
    UnitRate,
)
from canonical.terms.policies import BillingPolicies, RateLevel, RevenueTiming

RATE_DIGITS_MAX, RATE_DECIMALS = 14, 4
MARKUP_PERCENT_MAX = 1_000


class RateRow(Noun):
    """The rate of a role per hour, in the contract's currency, from and until (inclusive) a WORK
    date."""

    row: str = ""
    """The row's name in explanations; empty: its place in the line, e.g. `rates#2`."""
    role: str = ""
    """Empty on a row of a person (any role) and on a default row."""
    level: RateLevel = RateLevel.CONTRACT_ROLE
    person: str = ""
    """For the level `person` only."""
    rate: Decimal = Field(ge=0, max_digits=RATE_DIGITS_MAX, decimal_places=RATE_DECIMALS)
    effective_from: date = date.min
    """Empty: since ever."""
    effective_to: date | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.effective_to is not None and self.effective_to < self.effective_from:
            raise ValueError(
                f"rate row {self.row} ends on {self.effective_to}, before it begins on "
                f"{self.effective_from}"
            )
        return self

    @model_validator(mode="after")
    def _level_has_its_subject(self) -> Self:
        if (self.level is RateLevel.PERSON) != bool(self.person):
            raise ValueError(f"rate row {self.row}: only the level `person` names a person, always")
        if not self.role and self.level not in (RateLevel.PERSON, RateLevel.DEFAULT):
            raise ValueError(f"rate row {self.row} of level {self.level} needs a role")
        return self

    def covers(self, role: str, work_date: date) -> bool:
        return self.role == role and not self.person and self.in_force(work_date)

    def in_force(self, work_date: date) -> bool:
        before_end = self.effective_to is None or work_date <= self.effective_to
        return self.effective_from <= work_date and before_end

    def subject(self) -> tuple[str, str, str]:
        """Whose rate this is; rows of one subject must not overlap."""
        return self.level.value, self.person, self.role


def _refuse_overlaps(line_id: str, rows: tuple[RateRow, ...]) -> None:
    ordered = sorted(rows, key=lambda row: (row.subject(), row.effective_from))
    for first, second in pairwise(ordered):
        open_ended = first.effective_to is None or second.effective_from <= first.effective_to
        if first.subject() == second.subject() and open_ended:
            raise ValueError(
                f"contract line {line_id}: rate rows {first.row} and {second.row} overlap for "
                f"{f'role {first.role!r}' if first.role else f'person {first.person!r}'} "
                f"on {second.effective_from}; end the first before the second begins"
            )


def _named_row(row: dict[str, object], number: int) -> dict[str, object]:
    usual: dict[str, object] = {"row": f"rates#{number}"}
    if row.get("person"):
        usual["level"] = RateLevel.PERSON
    return usual | {name: value for name, value in row.items() if (name, value) != ("row", "")}


class TimeAndMaterialsLine(LineTerms):
    """Approved hours at the rate of their role on the work date."""

    method: Literal["time_and_materials"] = "time_and_materials"
    rates: tuple[RateRow, ...] = Field(min_length=1, max_length=2_000)
    revenue: Literal[RevenueTiming.ON_APPROVAL, RevenueTiming.ON_INVOICE] = (
        RevenueTiming.ON_APPROVAL
    )
    outside_caps: bool = False

    @field_validator("rates", mode="before")
    @classmethod
    def _rows_have_names(cls, rates: object) -> object:
        """A row without a name has its place; one of a person is of that level."""
        if not isinstance(rates, list | tuple):
            return rates
        return [
            _named_row(row, number) if isinstance(row, dict) else row
            for number, row in enumerate(rates, start=1)
        ]

    @model_validator(mode="after")
    def _rows_do_not_overlap(self) -> Self:
        _refuse_overlaps(self.line_id, self.rates)
        return self

    def rate_for(self, role: str, work_date: date, item: str) -> RateRow:
        """The row of `role` on `work_date`. Raises RateMissing when none covers it."""
        for row in self.rates:
            if row.covers(role, work_date):
                return row
        raise RateMissing(line_id=self.line_id, role=role, work_date=work_date, item=item)


class ExpensesLine(LineTerms):
    """Approved expenses, re-billed at their net cost plus a mark-up in percent."""

    method: Literal["expenses"] = "expenses"
    markup_percent: Decimal = Field(default=Decimal(0), ge=0, le=MARKUP_PERCENT_MAX)
    ceilings: tuple[Ceiling, ...] = Field(default=(), max_length=200)
    unit_rates: tuple[UnitRate, ...] = Field(default=(), max_length=200)
    """Per diems and mileage."""
    revenue: Literal[RevenueTiming.ON_APPROVAL, RevenueTiming.ON_INVOICE] = (
        RevenueTiming.ON_APPROVAL
    )
    outside_caps: bool = False
    disbursement_tax_code: str = ""
    """Of what is paid as agent; empty: a row without tax, exempt (E), or outside scope (O) on a
    document of its own."""


ContractLine = Annotated[
    TimeAndMaterialsLine | ExpensesLine | RetainerLine | MilestonesLine | FixedFeeLine,
    Field(discriminator="method"),
]


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


class ContractVersion(BillingPolicies):
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

    @model_validator(mode="after")
    def _caps_fit(self) -> Self:
        line_ids = [line.line_id for line in self.lines]
        twice = sorted({each for each in line_ids if line_ids.count(each) > 1})
        if twice:
            raise ValueError(f"contract line {', '.join(twice)} is named twice")
        for cap in self.caps:
            if cap.currency not in (None, self.currency):
                raise ValueError(
                    f"cap {cap.cap_id} is in {cap.currency}, the contract in {self.currency}; "
                    "state the cap in the contract's currency"
                )
            if cap.line_id and cap.line_id not in line_ids:
                raise ValueError(f"cap {cap.cap_id} names the unknown contract line {cap.line_id}")
        return self

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
