"""Expenses re-billed at net cost plus a mark-up (accounting rules, expenses)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.contract import ContractVersion, ExpensesLine
from canonical.errors import RuleViolation
from canonical.rules.pricing import ExpenseCost, Price, Tariff, Work
from canonical.terms.lines import UnitRate

METHOD = "expenses"
HUNDRED = Decimal(100)
ZERO = Decimal(0)


class Claim(NamedTuple):
    """What an approved claim posts; the three parts are the total."""

    currency: str
    """The expense's; of a per diem or mileage the contract's, in which its rate is."""
    cost: Decimal
    """Net cost and the VAT that cannot be recovered."""
    recoverable_vat: Decimal
    disbursed: Decimal
    """Paid as the client's agent."""

    @property
    def payable(self) -> Decimal:
        return self.cost + self.recoverable_vat + self.disbursed


def prices(line: ExpensesLine, version: ContractVersion, works: Sequence[Work]) -> list[Price]:
    """One portion per expense: its units at their own rate, or one at cost plus mark-up."""
    return [_expense_price(line, version, work) for work in works]


def _expense_price(line: ExpensesLine, version: ContractVersion, work: Work) -> Price:
    return Price(work, 1, work.quantity, _tariff(line, version, work))


def _tariff(line: ExpensesLine, version: ContractVersion, work: Work) -> Tariff:
    cost = _cost_of(work)
    label = cost.category or "expense"
    if cost.disbursement:
        paid = (cost.net + cost.vat) * cost.rate
        return Tariff(paid, "disbursement at cost", (), label)
    own = unit_rate(line, cost.category, work.work_date)
    if own is not None:
        basis = f"{cost.units:f} x {own.billed:f}"
        return Tariff(cost.units * own.billed, basis, (), label)
    base = billable_cost(line, cost)
    rate = base * (1 + line.markup_percent / HUNDRED)
    return Tariff(rate, f"cost {base:f} {version.currency} + {line.markup_percent} %", (), label)


def billable_cost(line: ExpensesLine, cost: ExpenseCost) -> Decimal:
    """Cost after recoverable VAT and after the client's ceiling, in contract currency; the excess
    stays the firm's."""
    ceilings = [
        ceiling.amount * cost.units
        for ceiling in line.ceilings
        if ceiling.category == cost.category
    ]
    return min([cost.after_recovery * cost.rate, *ceilings])


def unit_rate(line: ExpensesLine, category: str, expense_date: date) -> UnitRate | None:
    """The per diem or mileage rate of a category on the expense's date, if it has its own.

    Raises RuleViolation when the category has rates, but none on that date.
    """
    rows = [row for row in line.unit_rates if row.category == category]
    for row in rows:
        begun = row.effective_from is None or row.effective_from <= expense_date
        if begun and (row.effective_to is None or expense_date <= row.effective_to):
            return row
    if rows:
        raise RuleViolation(
            f"contract line {line.line_id} has no rate for {category!r} on {expense_date}"
        )
    return None


def claim(line: ExpensesLine | None, contract_currency: str, work: Work) -> Claim:
    """What the claim posts; per diems and mileage are paid at the billed rate unless the policy has
    two."""
    cost = _cost_of(work)
    if cost.disbursement:
        return Claim(cost.currency, ZERO, ZERO, cost.net + cost.vat)
    own = None if line is None else unit_rate(line, cost.category, work.work_date)
    if own is not None:
        paid = cost.units * (own.billed if own.paid is None else own.paid)
        return Claim(contract_currency, paid, ZERO, ZERO)
    return Claim(cost.currency, cost.after_recovery, cost.recoverable_vat, ZERO)


def _cost_of(work: Work) -> ExpenseCost:
    if work.expense is None:
        raise AssertionError(f"{work.id} is no expense")
    return work.expense
