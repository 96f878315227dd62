"""The ids behind a legal entity's names: accounts, taxes, products and the rest, looked up once."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from adapters.tryton.api import Domain, Row, Tryton, Values
from adapters.tryton.rows import Account, Company
from adapters.tryton.settings import EntityOptions, options_of
from canonical.errors import DataRejected, SetupInvalid
from canonical.landscape import LegalEntity

ACCOUNT = "account.account"


class Books:
    """One company in Tryton, as one legal entity of ours names its records.

    Every lookup raises SetupInvalid when Tryton has no such record, or several.
    """

    def __init__(self, tryton: Tryton, entity: LegalEntity) -> None:
        self.entity = entity
        self.options: EntityOptions = options_of(entity)
        self._tryton = tryton
        self._ids: dict[tuple[str, str], int] = {}
        self._company: Company | None = None
        self._context: Values | None = None

    async def company(self) -> Company:
        if self._company is None:
            domain: Domain = [["party.name", "=", self.entity.erp.company]]
            found = await self._tryton.search_read(
                "company.company", Company, domain, await self._tryton.preferences(), limit=2
            )
            if len(found) != 1:
                raise self._missing("company", self.entity.erp.company, len(found))
            self._company = found[0]
        return self._company

    async def context(self) -> Values:
        """The context of every call for this entity."""
        if self._context is None:
            company = await self.company()
            preferences = await self._tryton.preferences()
            self._context = {**preferences, "company": company.id, "active_test": False}
        return self._context

    async def account(self, kind: str) -> int:
        """The revenue account of a kind of line (`time`, `expense`)."""
        code = self._mapped("accounts", self.entity.erp.accounts, kind)
        return await self._id(ACCOUNT, "code", code, of_company=True)

    async def accounts(self, codes: Collection[str]) -> dict[str, int]:
        """The accounts with these codes; those that are new to us are looked up in one call."""
        unknown = sorted(code for code in codes if (ACCOUNT, code) not in self._ids)
        if unknown:
            await self._look_up_accounts(unknown)
        return {code: self._ids[ACCOUNT, code] for code in codes}

    async def product(self, kind: str) -> int:
        code = self._mapped("products", self.entity.erp.products, kind)
        return await self._id("product.product", "code", code)

    async def tax(self, name: str) -> int:
        return await self._id("account.tax", "name", name, of_company=True)

    async def currency(self, code: str) -> int:
        return await self._id("currency.currency", "code", code)

    async def country(self, code: str) -> int | None:
        """None for no country. Raises DataRejected when Tryton does not know it."""
        if not code:
            return None
        return await self._of_data("country.country", "code", code, "address.country")

    async def unit(self) -> int:
        return await self._id("product.uom", "name", self.options.unit)

    async def journal(self) -> int:
        return await self._id("account.journal", "code", self.options.journal)

    async def entry_journal(self) -> int:
        return await self._id("account.journal", "code", self.options.entry_journal)

    async def payment_term(self, days: int) -> int:
        """Raises DataRejected when Tryton has no term of so many days."""
        name = self.options.payment_term.format(days=days)
        return await self._of_data("account.invoice.payment_term", "name", name, "net_days")

    async def archived_status(self) -> int:
        return await self._id("project.work.status", "name", self.options.archived_status)

    async def _look_up_accounts(self, codes: Sequence[str]) -> None:
        company = await self.company()
        domain: Domain = [["code", "in", list(codes)], ["company", "=", company.id]]
        context = {**await self.context(), "active_test": True}
        found = await self._tryton.search_read(
            ACCOUNT, Account, domain, context, limit=2 * len(codes)
        )
        for code in codes:
            ids = [row.id for row in found if row.code == code]
            if len(ids) != 1:
                raise self._missing(ACCOUNT, code, len(ids))
            self._ids[ACCOUNT, code] = ids[0]

    async def _of_data(self, model: str, field: str, value: str, our_field: str) -> int:
        """A record that a client's or contract's data names: when missing, the data is refused."""
        try:
            return await self._id(model, field, value)
        except SetupInvalid as missing:
            raise DataRejected(
                self._tryton.system, f"{our_field}: {missing}", fields=(our_field,)
            ) from missing

    async def _id(self, model: str, field: str, value: str, *, of_company: bool = False) -> int:
        if (model, value) not in self._ids:
            domain: list[list[str | int]] = [[field, "=", value]]
            if of_company:
                domain.append(["company", "=", (await self.company()).id])
            context = {**await self.context(), "active_test": True}
            found = await self._tryton.search_read(model, Row, domain, context, limit=2)
            if len(found) != 1:
                raise self._missing(model, value, len(found))
            self._ids[model, value] = found[0].id
        return self._ids[model, value]

    def _mapped(self, table: str, mapping: dict[str, str], kind: str) -> str:
        if kind not in mapping:
            raise SetupInvalid(
                f"legal entity {self.entity.code} maps no {table} for {kind!r}; "
                f"add erp.{table}.{kind} to the landscape"
            )
        return mapping[kind]

    def _missing(self, model: str, value: str, found: int) -> SetupInvalid:
        return SetupInvalid(
            f"{self._tryton.system} has {found or 'no'} active {model} called {value!r} for legal "
            f"entity {self.entity.code}, but exactly one is needed; create or rename it there, or "
            "correct the landscape"
        )
