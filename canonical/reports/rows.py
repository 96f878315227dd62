"""Rows of reports that are read from the ledger alone. All are immutable.

Amounts are in the functional currency of the row's legal entity (`currency`) unless their name says
`document`. Assets, income and liabilities are shown as people say them: more than zero.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from canonical.base import Noun
from canonical.money import Currency

ZERO = Decimal(0)


class ReportRow(Noun):
    """What all rows have."""

    legal_entity: str
    currency: Currency
    document_currency: Currency
    """Of the contract's invoices."""
    group: dict[str, Decimal] = {}
    """The row's amounts in the group's currency, if the report has one."""

    def amounts(self) -> dict[str, Decimal]:
        """What is summed and translated, by name; in `currency`."""
        return {}

    def document_amounts(self) -> dict[str, Decimal]:
        """What is summed, by name; in `document_currency`."""
        return {}

    @property
    def total_label(self) -> str:
        """Rows of one label are summed together."""
        return ""


class OfContract(ReportRow):
    """A row of one contract."""

    contract: str
    project: str
    """The project's code."""
    client: str


# -- position


class Position(Noun):
    """One contract's position and what proves it, in one currency (convention 11)."""

    currency: Currency
    asset: Decimal
    """1200."""
    retention: Decimal
    """1250."""
    liability: Decimal
    """2200, more than zero when we owe work."""
    net: Decimal
    """1200 + 1250 - 2200."""
    revenue: Decimal
    """4000 + 4010 less 4900, to date."""
    billed: Decimal
    """Net of tax and without disbursements, to date, less credits."""
    difference: Decimal
    """Of net and revenue less billed: it must be zero."""

    @classmethod
    def of(
        cls,
        currency: str,
        *,
        asset: Decimal,
        retention: Decimal,
        liability: Decimal,
        revenue: Decimal,
        billed: Decimal,
    ) -> Position:
        net = asset + retention - liability
        return cls(
            currency=currency,
            asset=asset,
            retention=retention,
            liability=liability,
            net=net,
            revenue=revenue,
            billed=billed,
            difference=net - (revenue - billed),
        )

    @classmethod
    def empty(cls, currency: str) -> Position:
        return cls.of(
            currency, asset=ZERO, retention=ZERO, liability=ZERO, revenue=ZERO, billed=ZERO
        )


class PositionRow(OfContract):
    """The position of one contract in one entity's books."""

    section: Literal["position"] = "position"
    position: Position
    document: Position | None = None
    """In the currency of the invoices, where it is another."""
    revaluation: Decimal
    """1290 and 1259, beside the position."""

    def amounts(self) -> dict[str, Decimal]:
        own = self.position
        return {
            "asset": own.asset,
            "retention": own.retention,
            "liability": own.liability,
            "net": own.net,
            "revenue": own.revenue,
            "billed": own.billed,
            "revaluation": self.revaluation,
        }


# -- receivables


class Age(StrEnum):
    """How long an amount is overdue, in days."""

    NOT_DUE = "not due"
    TO_30 = "1-30"
    TO_60 = "31-60"
    TO_90 = "61-90"
    OVER_90 = "> 90"


def age_of(days_overdue: int) -> Age:
    """By calendar days after the due date; on it nothing is overdue."""
    if days_overdue <= 0:
        return Age.NOT_DUE
    limits = ((30, Age.TO_30), (60, Age.TO_60), (90, Age.TO_90))
    return next((age for most, age in limits if days_overdue <= most), Age.OVER_90)


class ReceivableRow(OfContract):
    """The open item of one invoice: account 1100."""

    section: Literal["receivable"] = "receivable"
    customer: str
    customer_name: str
    invoice: str
    """Our key."""
    number: str
    """The ERP's."""
    posted_on: date
    due_on: date
    days_overdue: int
    age: Age
    open: Decimal
    document_open: Decimal
    document_disputed: Decimal = ZERO
    """Of what is open; it is not dunned."""
    revaluation: Decimal = ZERO
    """1190, beside the control account."""

    def amounts(self) -> dict[str, Decimal]:
        by_age = {age.value: self.open if age is self.age else ZERO for age in Age}
        return {"open": self.open, **by_age, "revaluation": self.revaluation}

    def document_amounts(self) -> dict[str, Decimal]:
        return {"open": self.document_open, "disputed": self.document_disputed}


class UnappliedRow(ReportRow):
    """Money received that is applied to nothing yet: account 2400, a liability."""

    section: Literal["unapplied"] = "unapplied"
    payment: str
    customer: str
    customer_name: str
    received_on: date
    unapplied: Decimal
    document_unapplied: Decimal
    revaluation: Decimal = ZERO
    """2490, beside it."""

    def amounts(self) -> dict[str, Decimal]:
        return {"unapplied": self.unapplied, "unapplied revaluation": self.revaluation}


# -- revenue


class RevenueRow(OfContract):
    """One account of one contract; income is more than zero, costs and reductions less."""

    section: Literal["revenue"] = "revenue"
    account: str
    account_name: str
    month: Decimal
    """Posted in the month of the day."""
    year: Decimal
    """Posted in its calendar year."""
    to_date: Decimal
    late_month: Decimal
    """Of the month's: for service in an earlier period."""
    late_year: Decimal
    document_to_date: Decimal

    def amounts(self) -> dict[str, Decimal]:
        return {
            "month": self.month,
            "year": self.year,
            "to date": self.to_date,
            "late in month": self.late_month,
            "late in year": self.late_year,
        }

    @property
    def total_label(self) -> str:
        return f"{self.account} {self.account_name}"


class LateRow(OfContract):
    """Revenue of one service period that was posted into a later one, this year."""

    section: Literal["late"] = "late"
    account: str
    service_period: str
    posting_period: str
    amount: Decimal


class ScheduleRow(OfContract):
    """Where the revenue of a fixed-fee line stands, by its last close; in document currency."""

    section: Literal["schedule"] = "schedule"
    line: str
    closed_to: date
    progress: Decimal
    """Cost or hours to date."""
    estimate: Decimal
    document_revenue: Decimal
    """To date."""
    document_change: Decimal
    """By the last close."""
    document_billed: Decimal
    document_provision: Decimal
    """For a loss: account 2500."""


# -- retention


class RetentionRow(OfContract):
    """What a customer keeps of one milestone: account 1250."""

    section: Literal["retention"] = "retention"
    customer: str
    customer_name: str
    line: str
    milestone: str
    since: date
    document_retained: Decimal
    document_released: Decimal
    document_open: Decimal
    open: Decimal
    """What the ledger carries; where several are open in a foreign currency, shared out by what is
    open of each."""

    def amounts(self) -> dict[str, Decimal]:
        return {"open": self.open}

    def document_amounts(self) -> dict[str, Decimal]:
        return {
            "retained": self.document_retained,
            "released": self.document_released,
            "open": self.document_open,
        }
