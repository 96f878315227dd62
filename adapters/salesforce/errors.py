"""What differs from the platform's outcomes: rows that do not fit, told in the organisation's
names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from adapters.http import unreadable
from adapters.platforms.salesforce.rest import Row
from canonical.errors import AnswerUnreadable

Model = TypeVar("Model", bound=BaseModel)


def read(system: str, model: type[Model], row: Row, where: str) -> Model:
    """A row as its model. Raises AnswerUnreadable with the place of the first misfit."""
    try:
        return model.model_validate(row)
    except ValidationError as error:
        raise unreadable(system, error, where) from error


def read_named(
    system: str, model: type[Model], row: Row, names: Mapping[str, str], where: str
) -> Model:
    """The fields behind `names` (ours -> path in the row) as their model.

    A path that the row has not is drift; an empty path is a field that the organisation has not.
    """
    values: dict[str, object] = {}
    for ours, path in names.items():
        found, value = value_at(row, path) if path else (True, None)
        if found:
            values[ours] = value
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = f"{where}.{names[str(first['loc'][0])]}"
        raise AnswerUnreadable(system, first["msg"], where=place) from error


def value_at(row: Row, path: str) -> tuple[bool, object]:
    """Whether the row has the path, and its value; below an empty relationship all is empty."""
    value: object = row
    for part in path.split("."):
        if value is None:
            return True, None
        if not isinstance(value, dict) or part not in value:
            return False, None
        value = value[part]
    return True, value


def children(system: str, row: Row, relationship: str, where: str) -> list[Row]:
    """The rows of a sub-query; an empty child set is told as null."""
    found, value = value_at(row, relationship)
    records = value.get("records") if isinstance(value, dict) else value
    if found and value is None:
        return []
    if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
        raise AnswerUnreadable(
            system, "a list of records was expected", where=f"{where}.{relationship}"
        )
    return [each for each in records if isinstance(each, dict)]
