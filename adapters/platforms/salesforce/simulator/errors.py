"""The platform's refusals: an HTTP status, a code, a text, and the fields concerned."""

from __future__ import annotations


class Refusal(Exception):
    """Answered as `[{"message", "errorCode", "fields"}]`."""

    def __init__(self, status: int, code: str, message: str, fields: tuple[str, ...] = ()) -> None:
        self.status, self.code, self.message, self.fields = status, code, message, fields
        super().__init__(f"{status} {code}: {message}")

    def body(self) -> list[dict[str, object]]:
        error: dict[str, object] = {"message": self.message, "errorCode": self.code}
        return [error | ({"fields": list(self.fields)} if self.fields else {})]


class SeveralMatch(Exception):
    """An external id that is not unique: answered 300 with the paths of the rows."""

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths
        super().__init__(f"{len(paths)} rows match")


def no_such_column(name: str, sobject: str, soql: str = "") -> Refusal:
    """The platform's drift signal. In a query it shows the place with a caret."""
    place = ""
    if soql:
        column = max(soql.lower().find(name.lower()), 0)
        place = f"\n{soql[:120]}\n{' ' * min(column, 119)}^\nERROR at Row:1:Column:{column + 1}\n"
        entity = f"entity '{sobject}'"
    else:
        entity = f"sobject of type {sobject}"
    return Refusal(400, "INVALID_FIELD", f"{place}No such column '{name}' on {entity}.")
