"""What the filters of lists mean, the traps included: presence flags, default filters, bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from adapters.kantata.simulated.problems import bad_request
from adapters.kantata.simulated.state import Account, Row, stamp

Keep = Callable[[Row], bool]
Filter = Callable[[Account, str], Keep]


def truth(value: str) -> bool | None:
    return {"true": True, "TRUE": True, "false": False, "FALSE": False}.get(value)


def moment(value: str) -> str:
    """An ISO 8601 time as a comparable text. Raises Refused for another text."""
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError as error:
        raise bad_request(f"{value} is not a valid ISO 8601 time") from error
    return stamp(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))


def after(column: str) -> Filter:
    def make(account: Account, value: str) -> Keep:
        bound = moment(value)
        return lambda row: str(row[column]) > bound

    return make


def before(column: str) -> Filter:
    def make(account: Account, value: str) -> Keep:
        bound = moment(value)
        return lambda row: str(row[column]) < bound

    return make


def one_of(column: str) -> Filter:
    def make(account: Account, value: str) -> Keep:
        wanted = set(value.split(","))
        return lambda row: str(row.get(column)) in wanted

    return make


def is_true(column: str) -> Filter:
    """A real boolean filter."""

    def make(account: Account, value: str) -> Keep:
        wanted = truth(value)
        return lambda row: wanted is None or row.get(column) is wanted

    return make


def flag(column: str, wanted: bool) -> Filter:
    """A presence flag: whatever its value, even `false`, it filters."""

    def make(account: Account, value: str) -> Keep:
        return lambda row: row.get(column) is wanted

    return make


def between(column: str) -> Filter:
    def make(account: Account, value: str) -> Keep:
        first, _, last = value.partition(":")
        return lambda row: first <= str(row[column]) <= (last or "9999")

    return make


def matches(column: str) -> Filter:
    def make(account: Account, value: str) -> Keep:
        wanted = value.casefold()
        return lambda row: str(row.get(column)).casefold() == wanted

    return make


def unless_archived(account: Account, params: Mapping[str, str]) -> Keep:
    if params.get("include_archived") == "true" or params.get("archived") == "include":
        return lambda row: True
    if params.get("archived") == "only":
        return lambda row: row["archived"] is True
    return lambda row: row["archived"] is not True


def unless_project_archived(account: Account, params: Mapping[str, str]) -> Keep:
    if params.get("from_archived_workspaces") == "true":
        return lambda row: True
    projects = account.table("workspaces").rows
    archived = {str(row["id"]) for row in projects.values() if row["archived"] is True}
    return lambda row: row["workspace_id"] not in archived


COMMON_FILTERS: Mapping[str, Filter] = {
    "created_after": after("created_at"),
    "created_before": before("created_at"),
    "updated_after": after("updated_at"),
    "updated_before": before("updated_at"),
}
