"""The company in the prepared database: its name, its books' key data, what it sells and on what
terms. A landscape that uses this ERP names the same things."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

NAME: Final = "Northfield Consulting GmbH"
CURRENCY: Final = "EUR"
TIME_ZONE: Final = "Europe/Berlin"
VAT_ID: Final = "DE136695976"
ADDRESS: Final = {"street": "Hafenstraße 12", "postal_code": "20457", "city": "Hamburg"}
API_USER: Final = "client-to-cash"
FISCAL_YEARS: Final = range(2025, 2031)

CURRENCIES: Final = (
    # code, name, symbol, numeric code, units per euro
    ("EUR", "Euro", "€", "978", Decimal("1")),
    ("USD", "US dollar", "$", "840", Decimal("1.10")),
)
COUNTRIES: Final = (
    "AT BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IT LI LT LU LV MT NL NO PL PT RO SE SI SK "
    "US AU CA JP SG"
)
TAXES: Final = (
    # name, rate
    ("VAT 19 %", Decimal("0.19")),
    ("VAT 7 %", Decimal("0.07")),
    ("Reverse charge 0 %", Decimal("0")),
    ("Exempt 0 %", Decimal("0")),
)
TERMS_DAYS: Final = (0, 7, 10, 14, 21, 30, 45, 60, 90)
TERM_NAME: Final = "Net {days} days"
UNIT: Final = "Lump sum"
"""Two digits, unlike the stock "Unit", which rounds quantities to whole numbers."""
PRODUCTS: Final = (
    # code, name, accounting category
    ("SERVICES", "Professional services", "Services"),
    ("EXPENSES", "Re-billed expenses", "Expenses"),
    ("DISBURSEMENTS", "Disbursements for the client", "Disbursements"),
    ("RETAINERS", "Retainers", "Retainers"),
    ("FIXED-FEES", "Fixed fees and milestones", "Fixed fees"),
    ("RETENTIONS", "Retentions and their release", "Retentions"),
    ("DISCOUNTS", "Early-payment discounts", "Discounts"),
)
ARCHIVED: Final = "Archived"
"""The work status of archived projects: a project cannot be deactivated in Tryton."""
PAYMENT_METHOD: Final = "Bank transfer"
GROUPS: Final = (
    "Accounting",
    "Payment",
    "Project Administration",
    "Project Invoice",
    "Timesheet Administration",
)

# Codes of the universal chart of accounts.
CASH, RECEIVABLE, PAYABLE = "1.1.1", "1.2.1", "2.1.1"
ACCRUED_TAX, REVENUE, EXPENSE, EXCHANGE = "2.2.3", "4.2.2", "5.1.3", "6.2.1"

EXPENSE_REVENUE, ADJUSTMENTS = "4010", "4900"
LEDGER_ACCOUNTS: Final = (
    # Accounts of the billing ledger that the universal chart has not.
    # code, name, and an account of the chart whose type it shares
    ("1150", "Withholding tax receivable", "1.4.1"),
    ("1190", "Receivables: revaluation", "1.4.1"),
    ("1200", "Contract assets (unbilled receivables)", "1.4.2"),
    ("1250", "Retentions receivable", "1.4.2"),
    ("1259", "Retentions: revaluation", "1.4.2"),
    ("1290", "Contract assets: revaluation", "1.4.2"),
    ("1300", "Client disbursements recoverable", "1.4.1"),
    ("1400", "Input VAT recoverable", "2.2.3"),
    ("1600", "Intercompany receivables", "1.4.1"),
    ("2000", "Payable to employees", "2.2.1"),
    ("2200", "Contract liabilities", "2.2.2"),
    ("2400", "Unapplied cash", "2.2.2"),
    ("2490", "Unapplied cash: revaluation", "2.2.2"),
    ("2500", "Provision for contract losses", "2.4.3"),
    ("2600", "Intercompany payables", "2.2.1"),
    (EXPENSE_REVENUE, "Revenue from re-billed expenses", REVENUE),
    ("4600", "Intercompany revenue", REVENUE),
    (ADJUSTMENTS, "Billing adjustments", "4.3.3"),
    ("5010", "Cost of re-billable expenses", EXPENSE),
    ("5600", "Intercompany cost", EXPENSE),
    ("5900", "Losses on contracts", EXPENSE),
    ("6100", "Bad debts and small balances written off", "5.2.3"),
    ("6200", "Bank charges", "6.1.2"),
    ("7110", "Unrealised currency gains and losses", EXCHANGE),
    ("7200", "Rounding differences", EXCHANGE),
)
ACCOUNT_CODES: Final = {
    "1010": CASH,
    "1100": RECEIVABLE,
    "2300": ACCRUED_TAX,
    "4000": REVENUE,
    "7100": EXCHANGE,
}
"""The accounts of the billing ledger that Tryton's invoices and payments hit by themselves: they
stay the chart's own. The other ones carry the ledger's numbers."""
LINE_KINDS: Final = {
    # kind of an invoice line: product, account
    "time": ("SERVICES", REVENUE),
    "expense": ("EXPENSES", EXPENSE_REVENUE),
    "disbursement": ("DISBURSEMENTS", EXPENSE_REVENUE),
    "retainer": ("RETAINERS", REVENUE),
    "schedule": ("FIXED-FEES", REVENUE),
    "milestone": ("FIXED-FEES", REVENUE),
    "retention": ("RETENTIONS", REVENUE),
    "retention_release": ("RETENTIONS", REVENUE),
    "early_payment_discount": ("DISCOUNTS", ADJUSTMENTS),
}
"""Tryton takes none but revenue accounts on customer invoices; what belongs to the balance sheet
(advances, retentions, disbursements) is moved there by the entry that closes the period."""


def account_map() -> dict[str, str]:
    """`erp.accounts` of a landscape whose ERP this is."""
    return {**ACCOUNT_CODES, **{kind: account for kind, (_, account) in LINE_KINDS.items()}}


def product_map() -> dict[str, str]:
    """`erp.products`."""
    return {kind: product for kind, (product, _) in LINE_KINDS.items()}
