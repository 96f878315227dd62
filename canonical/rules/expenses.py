"""Expenses re-billed at net cost plus a mark-up (accounting rules, expenses)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from canonical.billing import BillingTransaction, RunOutcome
from canonical.contract import ExpensesLine
from canonical.errors import CurrencyMismatch
from canonical.rules.context import RatedItem, RuleContext
from canonical.work import Expense

METHOD = "expenses"


def bill(line: ExpensesLine, items: Sequence[RatedItem], context: RuleContext) -> RunOutcome:
    """One transaction per expense. Raises CurrencyMismatch for a cost in another currency."""
    return RunOutcome(transactions=tuple(_price(line, rated, context) for rated in items))


def _price(line: ExpensesLine, rated: RatedItem, context: RuleContext) -> BillingTransaction:
    item = rated.item
    if not isinstance(item, Expense):
        raise AssertionError(f"{item.id} is no expense")
    if item.cost.currency != context.version.currency:
        raise CurrencyMismatch(
            expected=context.version.currency,
            found=item.cost.currency,
            where=f"expense {item.source}/{item.external_id} of {item.work_date}",
        )
    return context.transaction(
        rated,
        line_id=line.line_id,
        tax_code=line.tax_code,
        rate=item.cost.amount * (1 + line.markup_percent / Decimal(100)),
        basis=f"cost {item.cost} + {line.markup_percent} %",
    )
