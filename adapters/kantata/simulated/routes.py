"""Which request does what in the simulated account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.kantata.simulated.events import NOUNS
from adapters.kantata.simulated.http import Request
from adapters.kantata.simulated.kinds import KINDS
from adapters.kantata.simulated.listing import Lists
from adapters.kantata.simulated.problems import Refused, bad_request, invalid, not_found
from adapters.kantata.simulated.reports import ITEMS, VERDICTS
from adapters.kantata.simulated.state import Account, Row
from adapters.kantata.simulated.writes import Writes

BULK_MAX = {"workspace_resources": 200, "stories": 300}
BULK_MAX_DEFAULT = 100
RESOLUTIONS = {
    "timesheet_approvals": ("timesheet_submissions", "approve"),
    "timesheet_rejections": ("timesheet_submissions", "reject"),
    "timesheet_cancellations": ("timesheet_submissions", "cancel"),
    "expense_report_approvals": ("expense_report_submissions", "approve"),
    "expense_report_rejections": ("expense_report_submissions", "reject"),
    "expense_report_cancellations": ("expense_report_submissions", "cancel"),
}
READ_ONLY = frozenset({"subscribed_events", "rate_card_versions"})
Answer = tuple[int, object]


class Routes:
    """Carries out one request. Raises Refused."""

    def __init__(self, account: Account, lists: Lists, writes: Writes) -> None:
        self._account, self._lists, self._writes = account, lists, writes

    def carry_out(self, request: Request) -> Answer:
        match request.method, request.path:
            case "GET", (key,):
                return 200, self._list(key, request.params)
            case "GET", ("users", "me"):
                return 200, self._show("users", self._account.owner_id, request.params)
            case "GET", ("invoices", "next_invoice_number"):
                return 200, {"next_invoice_number": str(self._next_invoice_number())}
            case "GET", ("subscribed_events", "event_types"):
                return 200, _event_types()
            case "GET", (key, row_id):
                return 200, self._show(key, row_id, request.params)
            case "POST", (key,) if key in RESOLUTIONS:
                return 200, self._resolve_many(key, request.body)
            case "POST", (key,):
                return 200, self._create(key, request)
            case "POST", ("external_references", "create_or_update"):
                row = self._writes.refer(_wrapped(request.body, "external_reference"))
                return 200, self._lists.answer("external_references", [row], request.params)
            case "PUT", (key, row_id):
                return 200, self._update(key, row_id, request)
            case "PUT", (key, row_id, verb):
                return 200, self._act(key, row_id, verb, request)
            case "DELETE", (key, row_id):
                self._writes.delete(key, self._row(key, row_id))
                return 204, None
        raise not_found()

    def _list(self, key: str, params: Mapping[str, str]) -> object:
        if key not in KINDS:
            raise not_found()
        if key == "participations" and not params.get("workspace_id"):
            raise invalid("workspace_id", "can't be blank")
        return self._lists.page(key, params)

    def _show(self, key: str, row_id: str, params: Mapping[str, str]) -> object:
        return self._lists.show(key, self._row(key, row_id), params)

    def _create(self, key: str, request: Request) -> object:
        if key not in KINDS or key in READ_ONLY:
            raise not_found()
        many = request.body.get(key)
        if isinstance(many, list):
            return self._lists.answer(key, self._create_many(key, many), request.params)
        row = self._writes.create(key, _wrapped(request.body, KINDS[key].singular))
        return self._lists.answer(key, [row], request.params)

    def _create_many(self, key: str, bodies: Sequence[object]) -> list[Row]:
        """All or nothing; errors name the index."""
        if len(bodies) > BULK_MAX.get(key, BULK_MAX_DEFAULT):
            raise invalid("base", "too many records in one request")
        made: list[Row] = []
        for body in bodies:
            try:
                if not isinstance(body, dict):
                    raise bad_request(f"{key} must be a list of objects")
                made.append(self._writes.create(key, body))
            except Refused:
                for row in made:
                    self._account.delete(key, row)
                raise
        return made

    def _update(self, key: str, row_id: str, request: Request) -> object:
        row = self._row(key, row_id)
        hidden = KINDS[key].hidden
        if hidden is not None and not hidden(self._account, request.params)(row):
            raise not_found()
        changed = self._writes.update(key, row, _wrapped(request.body, KINDS[key].singular))
        return self._lists.answer(key, [changed], request.params)

    def _act(self, key: str, row_id: str, verb: str, request: Request) -> object:
        row = self._row(key, row_id)
        if key in ITEMS and verb in VERDICTS:
            why = _description(request.body)
            row = self._writes.reports.resolve(key, row, verb, why, self._account.owner_id)
        elif (key, verb) == ("rate_card_set_versions", "publish"):
            row = self._writes.publish(row)
        elif (key, verb) == ("invoices", "cancel"):
            row = self._writes.cancel_invoice(row)
        else:
            raise not_found()
        return self._lists.answer(key, [row], request.params)

    def _resolve_many(self, name: str, body: Mapping[str, object]) -> object:
        key, verb = RESOLUTIONS[name]
        wrapped = _wrapped(body, "resolution")
        ids = wrapped.get("submission_ids")
        if not isinstance(ids, list) or not ids:
            raise invalid("submission_ids", "can't be blank")
        owner, why = self._account.owner_id, _description(body)
        rows = [self._row(key, str(each)) for each in ids]
        resolved = [self._writes.reports.resolve(key, row, verb, why, owner) for row in rows]
        found = {
            str(row["id"]): {
                "id": str(row["id"]),
                "type": name.rpartition("_")[2].removesuffix("s"),
                "target_type": row["type"],
                "target_id": row["id"],
                "user_id": owner,
                "current": True,
                "created_at": row["current_resolution_created_at_date"],
            }
            for row in resolved
        }
        results = [{"key": "resolutions", "id": each} for each in found]
        return {"count": len(found), "results": results, "resolutions": found}

    def _row(self, key: str, row_id: str) -> Row:
        row = self._account.find(key, row_id) if key in KINDS else None
        if row is None:
            raise not_found()
        return row

    def _next_invoice_number(self) -> int:
        """Reserves nothing: two callers get the same."""
        return 1_001 + len(self._account.table("invoices").rows)


def _event_types() -> object:
    types = [f"{noun}:{verb}" for noun in NOUNS.values() for verb in ("created", "updated")]
    schemas = {name: {"name": name, "description": name, "fields": {}} for name in types}
    return {"subscribed_event_types": types, "subscribed_event_type_schemas": schemas}


def _wrapped(body: Mapping[str, object], name: str) -> Mapping[str, object]:
    inner = body.get(name)
    if not isinstance(inner, dict):
        raise bad_request(f"param is missing or the value is empty: {name}")
    return inner


def _description(body: Mapping[str, object]) -> str:
    resolution = body.get("resolution")
    return str(resolution.get("description") or "") if isinstance(resolution, dict) else ""
