"""A company ready to invoice, set up in a fresh Tryton database over JSON-RPC: books, taxes, terms,
products, and a user with the rights of an integration and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from pydantic import SecretStr

from adapters.tryton.api import Row, Tryton, Values
from adapters.tryton.local.cache import Progress
from adapters.tryton.local.chart import draw_chart
from adapters.tryton.local.northfield import (
    ACCRUED_TAX,
    ADDRESS,
    API_USER,
    ARCHIVED,
    CASH,
    COUNTRIES,
    CURRENCIES,
    CURRENCY,
    EXPENSE,
    FISCAL_YEARS,
    GROUPS,
    NAME,
    PAYMENT_METHOD,
    PRODUCTS,
    REVENUE,
    TAXES,
    TERM_NAME,
    TERMS_DAYS,
    TIME_ZONE,
    UNIT,
    VAT_ID,
)
from adapters.tryton.local.steps import Steps


class _Named(Row):
    FIELDS = ("name",)

    name: str


@dataclass(frozen=True)
class Ledger:
    """The ids that later steps refer to."""

    company: int
    accounts: Mapping[str, int]


class CompanySetup:
    """The steps, in the order in which Tryton needs them. Run once, on a fresh database."""

    def __init__(self, admin: Tryton, progress: Progress) -> None:
        self._steps = Steps(admin, {})
        self._progress = progress

    async def run(self, api_password: SecretStr) -> None:
        """Everything, or an error: there is no half-made company to go on from."""
        currencies = await self._currencies()
        await self._countries()
        company = await self._company(currencies[CURRENCY])
        self._progress("Drawing up the chart of accounts", 0.1)
        ledger = Ledger(company, await draw_chart(self._steps, company))
        for done, year in enumerate(FISCAL_YEARS):
            self._progress(f"Opening fiscal year {year}", 0.2 + 0.5 * done / len(FISCAL_YEARS))
            await self._fiscal_year(year, ledger)
        self._progress("Entering taxes, terms and products", 0.7)
        await self._terms()
        await self._products(ledger, await self._taxes(ledger))
        await self._payment_method(ledger)
        await self._work_status()
        await self._api_user(company, api_password)

    async def _currencies(self) -> dict[str, int]:
        rows: list[Values] = [
            {
                "code": code,
                "name": name,
                "symbol": symbol,
                "numeric_code": numeric,
                "rates": [["create", [{"date": date(2020, 1, 1), "rate": rate}]]],
            }
            for code, name, symbol, numeric, rate in CURRENCIES
        ]
        ids = await self._steps.create("currency.currency", *rows)
        return dict(zip((row[0] for row in CURRENCIES), ids, strict=True))

    async def _countries(self) -> None:
        rows: list[Values] = [{"code": code, "name": code} for code in COUNTRIES.split()]
        await self._steps.create("country.country", *rows)

    async def _company(self, currency: int) -> int:
        (germany,) = await self._steps.ids("country.country", [["code", "=", "DE"]])
        (party,) = await self._steps.create(
            "party.party",
            {
                "name": NAME,
                "code": "OWN",
                "addresses": [["create", [{**ADDRESS, "country": germany, "invoice": True}]]],
                "identifiers": [["create", [{"type": "eu_vat", "code": VAT_ID}]]],
            },
        )
        (company,) = await self._steps.create(
            "company.company", {"party": party, "currency": currency, "timezone": TIME_ZONE}
        )
        (admin,) = await self._steps.ids("res.user", [["login", "=", "admin"]])
        membership: Values = {"companies": [["add", [company]]], "company": company}
        await self._steps.admin.write("res.user", [admin], membership, self._steps.context)
        self._steps.context = await self._steps.admin.preferences()
        return company

    async def _fiscal_year(self, year: int, ledger: Ledger) -> None:
        """Twelve monthly periods; own gapless numbers for moves, invoices and credit notes."""
        invoices = await self._sequence("account_invoice", f"INV{year}-", year, ledger)
        credits = await self._sequence("account_invoice", f"CRN{year}-", year, ledger)
        moves = await self._sequence("account", f"MOV{year}-", year, ledger)
        numbering: Values = {
            "company": ledger.company,
            "out_invoice_sequence": invoices,
            "out_credit_note_sequence": credits,
            "in_invoice_sequence": invoices,
            "in_credit_note_sequence": credits,
        }
        ids = await self._steps.create(
            "account.fiscalyear",
            {
                "name": str(year),
                "start_date": date(year, 1, 1),
                "end_date": date(year + 1, 1, 1) - timedelta(days=1),
                "company": ledger.company,
                "move_sequence": moves,
                "invoice_sequences": [["create", [numbering]]],
            },
        )
        await self._steps.admin.button(
            "account.fiscalyear", "create_period", ids, self._steps.context
        )

    async def _sequence(self, module: str, prefix: str, year: int, ledger: Ledger) -> int:
        kind = "sequence_type_account_move" if module == "account" else f"sequence_type_{module}"
        (sequence,) = await self._steps.create(
            "ir.sequence.strict",
            {
                "name": f"{prefix}{year}",
                "sequence_type": await self._steps.data_id(module, kind),
                "prefix": prefix,
                "padding": 5,
                "company": ledger.company,
            },
        )
        return sequence

    async def _taxes(self, ledger: Ledger) -> list[int]:
        account = ledger.accounts[ACCRUED_TAX]
        rows: list[Values] = [
            {
                "name": name,
                "description": name,
                "type": "percentage",
                "rate": rate,
                "company": ledger.company,
                "invoice_account": account,
                "credit_note_account": account,
            }
            for name, rate in TAXES
        ]
        return await self._steps.create("account.tax", *rows)

    async def _terms(self) -> None:
        """Those that Tryton does not bring itself (it brings "Net 30 days", for one)."""
        terms = await self._steps.admin.search_read(
            "account.invoice.payment_term", _Named, [], self._steps.context, limit=100
        )
        present = {term.name for term in terms}
        rows: list[Values] = [
            {"name": name, "lines": [["create", [_remainder_after(days)]]]}
            for days in TERMS_DAYS
            if (name := TERM_NAME.format(days=days)) not in present
        ]
        await self._steps.create("account.invoice.payment_term", *rows)

    async def _products(self, ledger: Ledger, taxes: list[int]) -> None:
        """Services carry the standard tax by default, so that a line without it is a warning."""
        unit = await self._unit()
        for code, name, category_name in PRODUCTS:
            (category,) = await self._steps.create(
                "product.category",
                {
                    "name": category_name,
                    "accounting": True,
                    "account_revenue": ledger.accounts[REVENUE],
                    "account_expense": ledger.accounts[EXPENSE],
                    "customer_taxes": [["add", taxes[:1]]],
                },
            )
            await self._steps.create(
                "product.template",
                {
                    "name": name,
                    "code": code,
                    "type": "service",
                    "default_uom": unit,
                    "list_price": Decimal(0),
                    "account_category": category,
                    "products": [["create", [{}]]],
                },
            )

    async def _unit(self) -> int:
        values: Values = {
            "name": UNIT,
            "symbol": "ls",
            "category": await self._steps.data_id("product", "uom_cat_unit"),
            "digits": 2,
            "rounding": 0.01,
            "factor": 1.0,
            "rate": 1.0,
        }
        (unit,) = await self._steps.create("product.uom", values)
        return unit

    async def _payment_method(self, ledger: Ledger) -> None:
        (journal,) = await self._steps.ids("account.journal", [["code", "=", "CASH"]])
        await self._steps.create(
            "account.invoice.payment.method",
            {
                "name": PAYMENT_METHOD,
                "company": ledger.company,
                "journal": journal,
                "debit_account": ledger.accounts[CASH],
                "credit_account": ledger.accounts[CASH],
            },
        )

    async def _work_status(self) -> None:
        await self._steps.create(
            "project.work.status", {"name": ARCHIVED, "types": ["project", "task"]}
        )

    async def _api_user(self, company: int, password: SecretStr) -> None:
        groups = [(await self._steps.ids("res.group", [["name", "=", name]]))[0] for name in GROUPS]
        await self._steps.create(
            "res.user",
            {
                "name": "Client to cash",
                "login": API_USER,
                "password": password.get_secret_value(),
                "companies": [["add", [company]]],
                "company": company,
                "groups": [["add", groups]],
            },
        )


def _remainder_after(days: int) -> Values:
    return {"type": "remainder", "relativedeltas": [["create", [{"days": days}]]]}
