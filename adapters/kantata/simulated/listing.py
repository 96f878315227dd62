"""Answers lists and single records in the vendor's envelope."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from adapters.kantata.simulated.events import visible
from adapters.kantata.simulated.filters import COMMON_FILTERS, Keep
from adapters.kantata.simulated.kinds import KINDS, Kind
from adapters.kantata.simulated.problems import not_found
from adapters.kantata.simulated.state import Account, Row

PER_PAGE_DEFAULT, PER_PAGE_MAX = 20, 200
PAGING = frozenset({"page", "per_page", "limit", "offset", "include", "optional_fields"})
Params = Mapping[str, str]
Answer = dict[str, object]


class Lists:
    """The reading half of the account."""

    def __init__(self, account: Account, spoil: Callable[[str, Row], Row]) -> None:
        self._account, self._spoil = account, spoil

    def page(self, key: str, params: Params) -> Answer:
        kind = KINDS[key]
        rows = self._selected(kind, params)
        if "only" in params:
            return self._envelope(kind, rows, params, len(rows), 1, max(len(rows), 1))
        size, number, start = _paging(params)
        shown = rows[start : start + size]
        return self._envelope(kind, shown, params, len(rows), number, size)

    def show(self, key: str, row: Row, params: Params) -> Answer:
        """A single record, in the same envelope. Raises Refused (404) for a hidden one."""
        kind = KINDS[key]
        if kind.hidden is not None and not kind.hidden(self._account, params)(row):
            raise not_found()
        return self.answer(key, [row], params)

    def answer(self, key: str, rows: Sequence[Row], params: Params) -> Answer:
        """What a write answers: 200 and the envelope."""
        return self._envelope(KINDS[key], rows, params, len(rows), 1, max(len(rows), 1))

    def _selected(self, kind: Kind, params: Params) -> Sequence[Row]:
        """The whole list, remembered until something changes."""
        asked = {name: value for name, value in params.items() if name not in PAGING}
        name = (kind.key, tuple(sorted(asked.items())))
        if kind.key == "subscribed_events":
            return self._account.remembered(
                (*name, visible(self._account).signature),
                lambda: self._ordered(kind, asked, visible(self._account).rows()),
            )
        return self._account.remembered(
            name, lambda: self._ordered(kind, asked, self._candidates(kind, asked))
        )

    def _candidates(self, kind: Kind, asked: Params) -> Iterable[Row]:
        table = self._account.table(kind.key)
        if "only" in asked:
            numbers = [int(each) for each in asked["only"].split(",") if each.isdigit()]
            return [table.rows[each] for each in dict.fromkeys(numbers) if each in table.rows]
        for name, index in kind.indexed.items():
            if name in asked:
                return table.by(index, asked[name].split(","))
        return table.rows.values()

    def _ordered(self, kind: Kind, asked: Params, candidates: Iterable[Row]) -> list[Row]:
        keeps = self._keeps(kind, asked)
        rows = [row for row in candidates if all(keep(row) for keep in keeps)]
        column, _, direction = kind.default_order.partition(":")
        wanted, _, way = asked.get("order", "").partition(":")
        if wanted in kind.orders and way in ("asc", "desc"):
            column, direction = wanted, way
        column = {"amount": "amount_in_cents", "date": _date_column(kind)}.get(column, column)
        rows.sort(key=lambda row: int(str(row["id"])))
        rows.sort(key=lambda row: str(row.get(column, "")), reverse=direction == "desc")
        return rows

    def _keeps(self, kind: Kind, asked: Params) -> list[Keep]:
        keeps: list[Keep] = []
        if kind.hidden is not None:
            keeps.append(kind.hidden(self._account, asked))
        table = self._account.table(kind.key)
        for name, value in asked.items():
            maker = kind.filters.get(name) or COMMON_FILTERS.get(name)
            if maker is not None:
                keeps.append(maker(self._account, value))
            elif name in kind.indexed and table.has_index(kind.indexed[name]):
                keeps.append(_in_column(kind.indexed[name], value))
        if kind.subject_type and any(name.startswith("external_reference_") for name in asked):
            keeps.append(self._referenced(kind, asked))
        return keeps

    def _referenced(self, kind: Kind, asked: Params) -> Keep:
        """By external reference. The `_ref` filter is typed as a number in the vendor's schema."""
        table = self._account.table("external_references")
        rows: Iterable[Row] = table.rows.values()
        if "external_reference_service_model_refs" in asked:
            rows = table.by(
                "service_model_ref", asked["external_reference_service_model_refs"].split(",")
            )
        elif "external_reference_service_model_ref" in asked:
            text = asked["external_reference_service_model_ref"]
            rows = table.by("service_model_ref", [text if text.isdigit() else "0"])
        same = {
            name.removeprefix("external_reference_"): value
            for name, value in asked.items()
            if name
            in (
                "external_reference_service_name",
                "external_reference_service_model",
                "external_reference_status",
                "external_reference_external_status",
                "external_reference_external_message",
            )
        }
        subjects = {
            str(row["subject_id"])
            for row in rows
            if row["subject_type"] == kind.subject_type
            and all(row[name] == value for name, value in same.items())
        }
        return lambda row: row["id"] in subjects

    def _envelope(
        self,
        kind: Kind,
        rows: Sequence[Row],
        params: Params,
        count: int,
        number: int,
        size: int,
    ) -> Answer:
        pages = -(-count // size)
        maps: dict[str, dict[str, Row]] = {kind.key: {}}
        optional = set(params.get("optional_fields", "").split(",")) & kind.optional
        names = [name for name in params.get("include", "").split(",") if name in kind.includes]
        for row in rows:
            shown = self._shown(kind, row, optional)
            for name in names:
                self._include(kind, name, row, shown, maps)
            maps[kind.key][str(row["id"])] = shown
        for name in names:
            maps.setdefault(kind.includes[name].key, {})
        meta = {
            "count": count,
            "page_count": pages,
            "page_number": number if count else 0,
            "page_size": size,
        }
        results = [{"key": kind.key, "id": str(row["id"])} for row in rows]
        return {"count": count, "meta": meta, "results": results, **maps}

    def _include(
        self, kind: Kind, name: str, row: Row, shown: Row, maps: dict[str, dict[str, Row]]
    ) -> None:
        include = kind.includes[name]
        target = KINDS[include.key]
        table = self._account.table(include.key)
        found: Iterable[Row]
        if include.column:
            one = self._account.find(include.key, row.get(include.column))
            found = [one] if one is not None else []
            if include.ids:
                shown[include.ids] = row.get(include.column)
        else:
            index = include.index or "subject"
            value = str(row["id"]) if include.index else f"{kind.subject_type}/{row['id']}"
            found = list(table.by(index, [value]))
            shown[include.ids or f"{name.rstrip('s')}_ids"] = [each["id"] for each in found]
        side = maps.setdefault(include.key, {})
        for each in found:
            if str(each["id"]) not in side:
                side[str(each["id"])] = self._shown(target, each, set())

    def _shown(self, kind: Kind, row: Row, optional: set[str]) -> Row:
        hidden = kind.optional - optional
        shown = {
            name: value
            for name, value in row.items()
            if not name.startswith("_") and name not in hidden
        }
        return self._spoil(kind.key, shown)


def _date_column(kind: Kind) -> str:
    return "start_date" if kind.subject_type == "Submission" else "date"


def _in_column(column: str, value: str) -> Keep:
    wanted = set(value.split(","))
    return lambda row: str(row.get(column)) in wanted


def _number(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else default


def _paging(params: Params) -> tuple[int, int, int]:
    """Size, page number, start. `limit` and `offset` count only together; sizes are clamped."""
    limit, offset = params.get("limit", ""), params.get("offset", "")
    if limit.isdigit() and offset.isdigit():
        size = min(max(int(limit), 1), PER_PAGE_MAX)
        return size, int(offset) // size + 1, int(offset)
    size = min(_number(params.get("per_page", ""), PER_PAGE_DEFAULT), PER_PAGE_MAX)
    number = _number(params.get("page", ""), 1)
    return size, number, (number - 1) * size
