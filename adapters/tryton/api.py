"""Tryton in the vendor's words: sessions, models, wizards and reports over JSON-RPC."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import ClassVar, Self, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, SecretStr, TypeAdapter, ValidationError

from adapters.http import Effect, VendorHttp, unreadable
from adapters.tryton.errors import Envelope, classify
from adapters.tryton.session import Session
from adapters.tryton.wire import NotWire, Wire, decode, encode
from canonical.errors import AnswerUnreadable
from canonical.landscape import SystemLimits

Values = Mapping[str, Wire]
Domain = Sequence[Wire]

POST_TIMEOUT_S = 120.0
"""A 50-line invoice takes about seven seconds to post, and posts wait for each other."""


class Row(BaseModel):
    """What is read of a record. `FIELDS` are the fields to ask for; dotted ones come nested under a
    key that ends in a dot. Fields that a newer server adds are kept."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)

    FIELDS: ClassVar[tuple[str, ...]] = ()

    id: int


RowType = TypeVar("RowType", bound=Row)
Parsed = TypeVar("Parsed")

_IDS = TypeAdapter(list[int])
_MEMBERS = TypeAdapter(list[object])


class Tryton:
    """One database of one server. Every call is one transaction there."""

    def __init__(self, http: VendorHttp, session: Session, database: str) -> None:
        self.system = http.system
        self.database = database
        self._http = http
        self._session = session
        self._numbers = itertools.count(1)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.close()
        await self._session.close()

    async def call(
        self, method: str, params: Sequence[Wire], effect: Effect, *, timeout_s: float | None = None
    ) -> Wire:
        """One JSON-RPC call; the last parameter is the context. Raises SystemOutcome."""
        answer = await self._http.call(
            "POST",
            f"/{self.database}/rpc/",
            method,
            effect,
            json={"id": next(self._numbers), "method": method, "params": encode(params)},
            timeout_s=timeout_s,
        )
        try:
            return decode(answer.parse(Envelope, method).result)
        except NotWire as error:
            raise AnswerUnreadable(self.system, str(error), where=method) from error

    async def search_read(
        self,
        model: str,
        row: type[RowType],
        domain: Domain,
        context: Values,
        *,
        limit: int,
        order: Sequence[tuple[str, str]] = (("id", "ASC"),),
    ) -> list[RowType]:
        """At most `limit` records of a domain, in order."""
        method = f"model.{model}.search_read"
        params: list[Wire] = [domain, 0, limit, list(order), list(row.FIELDS), context]
        return self._rows(row, await self.call(method, params, Effect.READ), method)

    async def read(
        self, model: str, row: type[RowType], ids: Iterable[int], context: Values
    ) -> list[RowType]:
        """The records with these ids. Raises DataRejected when one of them is gone."""
        method = f"model.{model}.read"
        result = await self.call(method, [list(ids), list(row.FIELDS), context], Effect.READ)
        return self._rows(row, result, method)

    async def create(
        self,
        model: str,
        values: Sequence[Values],
        context: Values,
        *,
        effect: Effect = Effect.CREATE,
    ) -> list[int]:
        """New records, all or none; `effect` SAFE_WRITE where a unique key refuses a second one."""
        method = f"model.{model}.create"
        result = await self.call(method, [list(values), context], effect)
        return self.parsed(_IDS, result, method)

    async def write(self, model: str, ids: Sequence[int], values: Values, context: Values) -> None:
        await self.call(f"model.{model}.write", [list(ids), values, context], Effect.SAFE_WRITE)

    async def delete(self, model: str, ids: Sequence[int], context: Values) -> None:
        await self.call(f"model.{model}.delete", [list(ids), context], Effect.SAFE_WRITE)

    async def button(self, model: str, button: str, ids: Sequence[int], context: Values) -> Wire:
        """Click a button; the server refuses it in a state that does not offer it."""
        return await self.call(
            f"model.{model}.{button}",
            [list(ids), context],
            Effect.SAFE_WRITE,
            timeout_s=POST_TIMEOUT_S,
        )

    async def skip_warning(self, warning: str, context: Values) -> None:
        """Confirm a warning for its next occurrence only."""
        await self.call("model.res.user.warning.skip", [warning, False, context], Effect.SAFE_WRITE)

    async def preferences(self) -> Values:
        """The user's own context: company, language, groups."""
        method = "model.res.user.get_preferences"
        result = await self.call(method, [True, {}], Effect.READ)
        if not isinstance(result, Mapping):
            raise AnswerUnreadable(self.system, "no preferences", where=method)
        return result

    def parsed(self, form: TypeAdapter[Parsed], result: object, where: str) -> Parsed:
        """A decoded result as `form`. Raises AnswerUnreadable with the place of the misfit."""
        try:
            return form.validate_python(result)
        except ValidationError as error:
            raise unreadable(self.system, error, where) from error

    def _rows(self, row: type[RowType], result: Wire, where: str) -> list[RowType]:
        return [
            self.parsed(TypeAdapter(row), member, where)
            for member in self.parsed(_MEMBERS, result, where)
        ]


def connect(
    system: str,
    url: str,
    database: str,
    user: str,
    password: SecretStr,
    limits: SystemLimits,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Tryton:
    """The database `database` of the server at `url`, as `user`; logs in at the first call."""

    def http(authenticator: Session | None) -> VendorHttp:
        return VendorHttp(
            system, url, limits, authenticator=authenticator, classify=classify, transport=transport
        )

    session = Session(http(None), database, user, password)
    return Tryton(http(session), session, database)
