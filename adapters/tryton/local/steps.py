"""What every step of setting up a fresh Tryton database needs: records, ids and wizards, as the
administrator."""

from __future__ import annotations

from pydantic import TypeAdapter

from adapters.http import Effect
from adapters.tryton.api import Domain, Row, Tryton, Values
from adapters.tryton.wire import Wire

WIZARD_TIMEOUT_S = 120

_SESSION = TypeAdapter(tuple[int, str, str])
_ID = TypeAdapter(int)


class Steps:
    """Calls in one context, which the administrator's preferences give."""

    def __init__(self, admin: Tryton, context: Values) -> None:
        self.admin = admin
        self.context = context

    async def create(self, model: str, *rows: Values) -> list[int]:
        return await self.admin.create(model, rows, self.context)

    async def ids(self, model: str, domain: Domain) -> list[int]:
        """The records of a domain, at least one. Raises LookupError."""
        rows = await self.admin.search_read(model, Row, domain, self.context, limit=100)
        if not rows:
            raise LookupError(f"the fresh ERP has no {model} with {domain}")
        return [row.id for row in rows]

    async def data_id(self, module: str, name: str) -> int:
        """The id of a record that a module brings."""
        result = await self.call("model.ir.model.data.get_id", module, name, self.context)
        return self.admin.parsed(_ID, result, name)

    async def wizard_session(self, wizard: str) -> int:
        result = await self.call(f"wizard.{wizard}.create", self.context)
        session, *_ = self.admin.parsed(_SESSION, result, wizard)
        return session

    async def wizard(self, wizard: str, session: int, data: Values, state: str) -> None:
        await self.call(f"wizard.{wizard}.execute", session, data, state, self.context)

    async def call(self, method: str, *params: Wire) -> Wire:
        return await self.admin.call(method, params, Effect.CREATE, timeout_s=WIZARD_TIMEOUT_S)
