"""The chart of accounts of the prepared company: Tryton's own, and the accounts that the billing
ledger needs beside it."""

from __future__ import annotations

from adapters.tryton.api import Row, Values
from adapters.tryton.local.northfield import (
    EXCHANGE,
    EXPENSE,
    LEDGER_ACCOUNTS,
    PAYABLE,
    RECEIVABLE,
    REVENUE,
)
from adapters.tryton.local.steps import Steps

ACCOUNTS_MAX = 1000


class _Account(Row):
    FIELDS = ("code", "type")

    code: str | None
    type: int | None


async def draw_chart(steps: Steps, company: int) -> dict[str, int]:
    """The accounts of the company, ids by code."""
    await _universal(steps, company)
    await _ledger_accounts(steps, company)
    accounts = {code: row.id for code, row in (await _accounts(steps)).items()}
    await _exchange_accounts(steps, accounts)
    return accounts


async def _universal(steps: Steps, company: int) -> None:
    """Tryton's universal chart, with the accounts that parties and products have by default."""
    (template,) = await steps.ids("account.account.template", [["parent", "=", None]])
    wizard = "account.create_chart"
    session = await steps.wizard_session(wizard)
    await steps.wizard(wizard, session, {}, "account")
    form: Values = {"company": company, "account_template": template}
    await steps.wizard(wizard, session, {"account": form}, "create_account")
    accounts = await _accounts(steps)
    defaults: Values = {
        "company": company,
        "account_receivable": accounts[RECEIVABLE].id,
        "account_payable": accounts[PAYABLE].id,
        "category_account_expense": accounts[EXPENSE].id,
        "category_account_revenue": accounts[REVENUE].id,
    }
    await steps.wizard(wizard, session, {"properties": defaults}, "create_properties")
    await steps.call(f"wizard.{wizard}.delete", session, steps.context)


async def _ledger_accounts(steps: Steps, company: int) -> None:
    """None of them needs a party, as Tryton's own receivables do: an entry of sums has none."""
    chart = await _accounts(steps)
    rows: list[Values] = [
        {"code": code, "name": name, "company": company, "type": chart[alike].type}
        for code, name, alike in LEDGER_ACCOUNTS
    ]
    await steps.create("account.account", *rows)


async def _accounts(steps: Steps) -> dict[str, _Account]:
    rows = await steps.admin.search_read(
        "account.account", _Account, [], steps.context, limit=ACCOUNTS_MAX
    )
    return {row.code: row for row in rows if row.code}


async def _exchange_accounts(steps: Steps, accounts: dict[str, int]) -> None:
    (journal,) = await steps.ids("account.journal", [["code", "=", "EXC"]])
    values: Values = {
        "currency_exchange_journal": journal,
        "currency_exchange_credit_account": accounts[EXCHANGE],
        "currency_exchange_debit_account": accounts[EXCHANGE],
    }
    await steps.admin.write("account.configuration", [1], values, steps.context)
