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
