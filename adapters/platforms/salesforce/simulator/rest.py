"""The REST resources of a simulated organisation: queries, rows, descriptions, limits."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl

from fastapi import APIRouter, FastAPI, Request, Response

from adapters.platforms.salesforce.decimals import Json, dumps, loads
from adapters.platforms.salesforce.simulator.describe import described, global_description
from adapters.platforms.salesforce.simulator.errors import Refusal, SeveralMatch
from adapters.platforms.salesforce.simulator.organisation import Organisation
from adapters.platforms.salesforce.simulator.select import Selection
from adapters.platforms.salesforce.simulator.sessions import LoginRefused, Sessions
from adapters.platforms.salesforce.simulator.soql import parse

NEWEST, OLDEST = 67, 31
DAILY_REQUESTS = 15_000
URI_BYTES_MAX = 16_384
PAGE_ROWS_MAX = 2_000


class RestApi:
    """The routes; `page_size` is how many rows a query page has at most (the platform: 2,000)."""

    def __init__(
        self, organisation: Organisation, sessions: Sessions, page_size: int = PAGE_ROWS_MAX
    ) -> None:
        self._organisation, self._sessions, self._page_size = organisation, sessions, page_size
        self._cursors: dict[str, tuple[Selection, list[str], bool, int]] = {}
        self.requests = 0

    def mount(self, app: FastAPI) -> None:
        """Add the routes and the shapes of refusals."""
        router = APIRouter()
        router.add_api_route("/services/oauth2/token", self.token, methods=["POST"])
        router.add_api_route("/services/data", self.versions, methods=["GET"])
        for method, path, endpoint in (
            ("GET", "query", self.query),
            ("GET", "queryAll", self.query_all),
            ("GET", "query/{locator}", self.more),
            ("GET", "limits", self.limits),
            ("GET", "sobjects", self.objects),
            ("GET", "sobjects/{sobject}/describe", self.describe),
            ("POST", "sobjects/{sobject}", self.create),
            ("GET", "sobjects/{sobject}/{record_id}", self.read),
            ("PATCH", "sobjects/{sobject}/{record_id}", self.update),
            ("DELETE", "sobjects/{sobject}/{record_id}", self.delete),
            ("PATCH", "sobjects/{sobject}/{key_field}/{key}", self.upsert),
        ):
            router.add_api_route(f"/services/data/{{version}}/{path}", endpoint, methods=[method])
        app.include_router(router)
        app.add_exception_handler(Refusal, self._refused)
        app.add_exception_handler(SeveralMatch, self._several)

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        try:
            return _json(self._sessions.login(form))
        except LoginRefused as refused:
            return _json(
                {"error": refused.error, "error_description": refused.description}, status=400
            )

    async def versions(self) -> Response:
        return _json(
            [
                {"version": f"{each}.0", "url": f"/services/data/v{each}.0", "label": f"API {each}"}
                for each in range(OLDEST, NEWEST + 1)
            ]
        )

    async def query(self, request: Request, version: str) -> Response:
        return self._first_page(request, version, with_deleted=False)

    async def query_all(self, request: Request, version: str) -> Response:
        return self._first_page(request, version, with_deleted=True)

    async def more(self, request: Request, version: str, locator: str) -> Response:
        self._admit(request, version)
        cursor, _, offset = locator.rpartition("-")
        if cursor not in self._cursors or not offset.isdecimal():
            raise Refusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(cursor, int(offset), version)

    async def limits(self, request: Request, version: str) -> Response:
        self._admit(request, version)
        left = DAILY_REQUESTS - self.requests
        return self._answer({"DailyApiRequests": {"Max": DAILY_REQUESTS, "Remaining": left}})

    async def objects(self, request: Request, version: str) -> Response:
        self._admit(request, version)
        return self._answer(global_description(self._organisation))

    async def describe(self, request: Request, version: str, sobject: str) -> Response:
        self._admit(request, version)
        return self._answer(described(self._organisation.type_named(sobject)))

    async def create(self, request: Request, version: str, sobject: str) -> Response:
        self._admit(request, version)
        kind = self._organisation.type_named(sobject)
        record_id = self._organisation.create(kind.name, await _document(request))
        return self._answer({"id": record_id, "success": True, "errors": []}, status=201)

    async def read(self, request: Request, version: str, sobject: str, record_id: str) -> Response:
        self._admit(request, version)
        kind = self._organisation.type_named(sobject)
        record = self._organisation.get(kind.name, record_id)
        wanted = request.query_params.get("fields")
        visible = [each.name for each in kind.fields.values() if not each.hidden]
        names = wanted.split(",") if wanted else visible
        soql = f"SELECT {', '.join(names)} FROM {kind.name}"
        selection = Selection(self._organisation, parse(soql), soql, version)
        return self._answer(selection.row(record))

    async def update(
        self, request: Request, version: str, sobject: str, record_id: str
    ) -> Response:
        self._admit(request, version)
        kind = self._organisation.type_named(sobject)
        values = await _document(request)
        stamp = str(self._organisation.get(kind.name, record_id)["LastModifiedDate"])
        if _changed_since(request.headers.get("if-unmodified-since"), stamp):
            return self._answer(None, status=412)
        self._organisation.update(kind.name, record_id, values)
        return self._answer(None, status=204)

    async def delete(
        self, request: Request, version: str, sobject: str, record_id: str
    ) -> Response:
        self._admit(request, version)
        kind = self._organisation.type_named(sobject)
        self._organisation.delete(kind.name, record_id)
        return self._answer(None, status=204)

    async def upsert(
        self, request: Request, version: str, sobject: str, key_field: str, key: str
    ) -> Response:
        number = self._admit(request, version)
        kind = self._organisation.type_named(sobject)
        record_id, created = self._organisation.upsert(
            kind.name, key_field, key, await _document(request)
        )
        answer: dict[str, Json] = {"id": record_id, "success": True, "errors": []}
        if number >= 46:
            return self._answer(answer | {"created": created}, status=201 if created else 200)
        return self._answer(answer, status=201) if created else self._answer(None, status=204)

    def _admit(self, request: Request, version: str) -> int:
        """The API version's number. Raises Refusal for a retired one, a bad token, a long URI."""
        found = re.fullmatch(r"v(\d{1,3})\.0", version)
        if found is None or int(found[1]) > NEWEST:
            raise Refusal(404, "NOT_FOUND", "The requested resource does not exist")
        if int(found[1]) < OLDEST:
            raise Refusal(410, "UNSUPPORTED_API_VERSION", "GONE")
        if len(str(request.url).encode()) > URI_BYTES_MAX:
            raise Refusal(414, "URI_TOO_LONG", "the URI is longer than 16,384 bytes")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme not in ("Bearer", "OAuth") or not self._sessions.is_valid(token):
            raise Refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")
        self.requests += 1
        return int(found[1])

    def _first_page(self, request: Request, version: str, *, with_deleted: bool) -> Response:
        self._admit(request, version)
        soql = request.query_params.get("q", "")
        selection = Selection(self._organisation, parse(soql), soql, version)
        size = _batch_size(request.headers.get("sforce-query-options", ""), self._page_size)
        cursor = "0r8" + secrets.token_hex(8)[:15]
        ids = selection.ids(with_deleted=with_deleted)
        self._cursors[cursor] = (selection, ids, with_deleted, size)
        return self._page(cursor, 0, version)

    def _page(self, cursor: str, offset: int, version: str) -> Response:
        """Rows as they are now, of the ids as they were when the query began."""
        selection, ids, with_deleted, size = self._cursors[cursor]
        end = offset + size
        found = (
            self._organisation.find(selection.type_name, each, with_deleted=with_deleted)
            for each in ids[offset:end]
        )
        rows: list[Json] = [selection.row(record) for record in found if record is not None]
        page: dict[str, Json] = {"totalSize": len(ids), "done": end >= len(ids)}
        if end < len(ids):
            page["nextRecordsUrl"] = f"/services/data/{version}/query/{cursor}-{end}"
        return self._answer(page | {"records": rows})

    def _answer(self, document: object, status: int = 200) -> Response:
        usage = f"api-usage={self.requests}/{DAILY_REQUESTS}"
        return _json(document, status=status, headers={"Sforce-Limit-Info": usage})

    async def _refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return self._answer(error.body(), status=error.status)

    async def _several(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, SeveralMatch)
        return self._answer(error.paths, status=300)


def _json(
    document: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    body = b"" if document is None else dumps(document).encode()
    kind = "application/json;charset=UTF-8"
    return Response(body, status_code=status, headers=dict(headers or {}), media_type=kind)


async def _document(request: Request) -> dict[str, Json]:
    if "application/json" not in request.headers.get("content-type", ""):
        raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", "Content type is not supported.")
    try:
        document = loads(await request.body())
    except ValueError as error:
        raise Refusal(400, "JSON_PARSER_ERROR", str(error)) from error
    if not isinstance(document, dict):
        raise Refusal(400, "JSON_PARSER_ERROR", "an object was expected")
    return document


def _batch_size(options: str, page_size: int) -> int:
    """A hint between 200 and 2,000 rows; the organisation's own page size is the upper bound."""
    found = re.search(r"batchSize=(\d{1,6})", options)
    wanted = min(max(int(found[1]), 200), PAGE_ROWS_MAX) if found else PAGE_ROWS_MAX
    return min(wanted, page_size)


def _changed_since(header: str | None, stamp: str) -> bool:
    if header is None:
        return False
    try:
        limit = parsedate_to_datetime(header)
    except ValueError as error:
        raise Refusal(400, "INVALID_HEADER", "If-Unmodified-Since is not a date") from error
    limit = limit if limit.tzinfo else limit.replace(tzinfo=UTC)
    return datetime.fromisoformat(stamp) > limit
