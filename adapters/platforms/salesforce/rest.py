"""The REST API in the platform's words: queries by pages, rows, and schema descriptions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import format_datetime
from typing import TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, StrictBool, ValidationError

from adapters.http import Answer, Effect, VendorHttp, unreadable
from adapters.platforms.salesforce.decimals import dumps, loads
from canonical.errors import AnswerUnreadable

PAGES_MAX = 10_000
"""Pages of one query (2,000 rows each): a longer walk is a bulk export, not a query."""

Model = TypeVar("Model", bound=BaseModel)
Row = dict[str, object]
"""A row as it came; models read it."""
Value = None | bool | int | Decimal | str


class QueryPage(BaseModel):
    """One page of a query, or of a sub-query inside a row."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    totalSize: int
    done: StrictBool
    nextRecordsUrl: str | None = None
    records: list[Row]


class FieldDescription(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    type: str
    updateable: StrictBool


class ChildRelationship(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    relationshipName: str | None
    childSObject: str


class ObjectDescription(BaseModel):
    """What `describe` says of an object, as far as schema checks need it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    fields: tuple[FieldDescription, ...]
    childRelationships: tuple[ChildRelationship, ...] = ()


class SalesforceRest:
    """One organisation's REST API at one version, over an authenticated client."""

    def __init__(self, http: VendorHttp, api_version: str) -> None:
        self._http = http
        self.system = http.system
        self._root = f"/services/data/{api_version}"

    async def query(
        self, soql: str, operation: str, *, with_deleted: bool = False
    ) -> AsyncIterator[Sequence[Row]]:
        """Pages of rows; sub-queries inside rows are walked to their end."""
        resource = "queryAll" if with_deleted else "query"
        page = await self._page(f"{self._root}/{resource}", operation, {"q": soql})
        for _ in range(PAGES_MAX):
            for row in page.records:
                await self._complete(row, operation)
            yield page.records
            if page.done:
                return
            page = await self._page(self._next(page), operation)
        raise AnswerUnreadable(self.system, f"{operation} has more than {PAGES_MAX} pages")

    async def rows(self, soql: str, operation: str, *, with_deleted: bool = False) -> list[Row]:
        """All rows of a query that is known to be small."""
        pages = self.query(soql, operation, with_deleted=with_deleted)
        return [row async for page in pages for row in page]

    async def update(
        self,
        sobject: str,
        record_id: str,
        values: Mapping[str, Value],
        operation: str,
        *,
        unmodified_since: datetime | None = None,
    ) -> None:
        """Set fields of a row. Raises RecordChanged when it was changed after that moment."""
        headers = {"Content-Type": "application/json"}
        if unmodified_since is not None:
            headers["If-Unmodified-Since"] = format_datetime(
                unmodified_since.astimezone(UTC), usegmt=True
            )
        await self._http.call(
            "PATCH",
            f"{self._root}/sobjects/{sobject}/{quote(record_id, safe='')}",
            operation,
            Effect.SAFE_WRITE,
            content=dumps(values).encode(),
            headers=headers,
        )

    async def describe(self, sobject: str) -> ObjectDescription:
        answer = await self._http.get(f"{self._root}/sobjects/{sobject}/describe", "describe")
        return answer.parse(ObjectDescription, sobject)

    async def _complete(self, row: Row, operation: str) -> None:
        for name, value in row.items():
            if isinstance(value, dict) and value.get("done") is False:
                row[name] = {"records": list(await self._children(value, name, operation))}

    async def _children(self, first: Row, where: str, operation: str) -> list[Row]:
        page = self._read(QueryPage, first, where)
        records = list(page.records)
        for _ in range(PAGES_MAX):
            if page.done:
                return records
            page = await self._page(self._next(page), operation)
            records += page.records
        raise AnswerUnreadable(self.system, f"{where} has more than {PAGES_MAX} pages")

    async def _page(
        self, path: str, operation: str, params: Mapping[str, str] | None = None
    ) -> QueryPage:
        return self._parse(QueryPage, await self._http.get(path, operation, params=params))

    def _next(self, page: QueryPage) -> str:
        """The next page's path: below our own root, or the token would travel elsewhere."""
        path = page.nextRecordsUrl or ""
        if not path.startswith("/services/data/"):
            raise AnswerUnreadable(
                self.system, "the next page's address is not a path", where="nextRecordsUrl"
            )
        return path

    def _parse(self, model: type[Model], answer: Answer) -> Model:
        try:
            document = loads(answer.content)
        except ValueError as error:
            raise AnswerUnreadable(
                self.system, "the answer is not JSON", request_id=answer.request_id
            ) from error
        return self._read(model, document, "", answer.request_id)

    def _read(
        self, model: type[Model], document: object, where: str, trace: str | None = None
    ) -> Model:
        try:
            return model.model_validate(document)
        except ValidationError as error:
            raise unreadable(self.system, error, where, trace) from error
