"""Answers a parsed query from the records: which rows, in which order, rendered how."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from adapters.platforms.salesforce.decimals import Json
from adapters.platforms.salesforce.simulator.errors import Refusal, no_such_column
from adapters.platforms.salesforce.simulator.organisation import Organisation, Record
from adapters.platforms.salesforce.simulator.schema import (
    NUMBERS,
    TEXTS,
    Field,
    FieldType,
    ObjectType,
)
from adapters.platforms.salesforce.simulator.soql import Condition, Literal, Query

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
PARENT_LEVELS_MAX = 5
Column = tuple[tuple[Field, ...], Field]
"""The parent fields that a path walks over, and the field that it ends at."""


class Selection:
    """One query over one organisation; everything is checked before a row is read."""

    def __init__(self, organisation: Organisation, query: Query, soql: str, version: str) -> None:
        self._organisation, self._soql, self._version = organisation, soql, version
        self._query = query
        self._type = self._source(query.source)
        self._check(query, self._type)
        for sub in query.subqueries:
            self._check(sub, organisation.types[self._child(sub.source).name])

    @property
    def type_name(self) -> str:
        return self._type.name

    def ids(self, *, with_deleted: bool) -> list[str]:
        """The ids of all rows that the query finds, in its order."""
        records = self._organisation.records(self._type.name, with_deleted=with_deleted)
        return [str(record["Id"]) for record in self._found(self._query, self._type, records)]

    def row(self, record: Record) -> dict[str, Json]:
        """One row as it is now."""
        row = self._render(self._query, self._type, record)
        for sub in self._query.subqueries:
            row[self._relationship(sub.source)] = self._children(sub, record)
        return row

    def _children(self, sub: Query, parent: Record) -> Json:
        relationship = self._type.child_named(sub.source)
        assert relationship is not None, "checked before"
        child = self._organisation.types[relationship.sobject]
        records = (
            each
            for each in self._organisation.records(child.name)
            if each[relationship.field] == parent["Id"]
        )
        rows: list[Json] = [
            self._render(sub, child, record) for record in self._found(sub, child, records)
        ]
        return {"totalSize": len(rows), "done": True, "records": rows} if rows else None

    def _found(self, query: Query, kind: ObjectType, records: Iterable[Record]) -> list[Record]:
        found = [
            record
            for record in records
            if all(self._holds(each, kind, record) for each in query.conditions)
        ]
        for order in reversed(query.order):
            value = partial(self._sort_key, self._column(order.path, kind))
            found.sort(key=value, reverse=order.descending)
        return found[: query.limit] if query.limit is not None else found

    def _holds(self, condition: Condition, kind: ObjectType, record: Record) -> bool:
        column = self._column(condition.path, kind)
        value = self._value(column, record)
        wanted = [_comparable(column[1], literal) for literal in condition.literals]
        mine = _folded(column[1], value)
        if condition.operator == "in":
            return mine in wanted
        if condition.operator in ("=", "!="):
            return (mine == wanted[0]) is (condition.operator == "=")
        if mine is None or wanted[0] is None:
            return False
        return _COMPARE[condition.operator](mine, wanted[0])

    def _render(self, query: Query, kind: ObjectType, record: Record) -> dict[str, Json]:
        row = self._marked(kind, record)
        for path in query.fields:
            parents, field = self._column(path, kind)
            self._place(row, record, parents, field)
        return row

    def _place(
        self, row: dict[str, Json], record: Record, parents: tuple[Field, ...], field: Field
    ) -> None:
        """Set the field in the row, inside the rows of its parents; an absent parent is null."""
        for parent in parents:
            found = self._organisation.find(parent.reference_to, record[parent.name])
            if found is None:
                row[parent.relationship] = None
                return
            inner = row.get(parent.relationship)
            if not isinstance(inner, dict):
                inner = self._marked(self._organisation.types[parent.reference_to], found)
                row[parent.relationship] = inner
            row, record = inner, found
        row[field.name] = record[field.name]

    def _marked(self, kind: ObjectType, record: Record) -> dict[str, Json]:
        url = f"/services/data/{self._version}/sobjects/{kind.name}/{record['Id']}"
        return {"attributes": {"type": kind.name, "url": url}}

    def _value(self, column: Column, record: Record) -> Json:
        parents, field = column
        for parent in parents:
            found = self._organisation.find(parent.reference_to, record[parent.name])
            if found is None:
                return None
            record = found
        return record[field.name]

    def _sort_key(self, column: Column, record: Record) -> tuple[bool, Any]:
        """Nulls come first, as the platform has it."""
        value = self._value(column, record)
        return (value is not None, value if value is not None else 0)

    def _source(self, name: str) -> ObjectType:
        try:
            return self._organisation.type_named(name)
        except Refusal as refusal:
            raise Refusal(
                400, "INVALID_TYPE", f"sObject type '{name}' is not supported."
            ) from refusal

    def _child(self, relationship: str) -> ObjectType:
        child = self._type.child_named(relationship)
        if child is None:
            raise Refusal(
                400,
                "INVALID_TYPE",
                f"Didn't understand relationship '{relationship}' in FROM part of query call.",
            )
        return self._organisation.types[child.sobject]

    def _relationship(self, name: str) -> str:
        return next(each for each in self._type.children if each.lower() == name.lower())

    def _check(self, query: Query, kind: ObjectType) -> None:
        for path in (*query.fields, *(each.path for each in query.order)):
            self._column(path, kind)
        for condition in query.conditions:
            _, field = self._column(condition.path, kind)
            for literal in condition.literals:
                _require_type(field, literal)

    def _column(self, path: str, kind: ObjectType) -> Column:
        *relationships, name = path.split(".")
        parents: list[Field] = []
        if len(relationships) > PARENT_LEVELS_MAX:
            raise Refusal(400, "INVALID_FIELD", f"{path}: too many levels of parents")
        for relationship in relationships:
            parent = kind.parent_named(relationship)
            if parent is None:
                raise Refusal(
                    400,
                    "INVALID_FIELD",
                    f"Didn't understand relationship '{relationship}' in field path.",
                )
            parents.append(parent)
            kind = self._organisation.types[parent.reference_to]
        field = kind.field_named(name)
        if field is None:
            raise no_such_column(name, kind.name, self._soql)
        return tuple(parents), field


def _require_type(field: Field, literal: Literal) -> None:
    """The platform refuses a literal of another type than the field's."""
    if field.type in TEXTS or field.type in (FieldType.ID, FieldType.REFERENCE):
        wanted = "text"
    else:
        wanted = "number" if field.type in NUMBERS else field.type.value
    if literal.kind not in (wanted, "null"):
        quotes = "should" if wanted == "text" else "should not"
        raise Refusal(
            400,
            "INVALID_FIELD",
            f"value of filter criterion for field '{field.name}' must be of type {field.type} "
            f"and {quotes} be enclosed in quotes",
        )


def _comparable(field: Field, literal: Literal) -> Json:
    """Ids are compared by their first 15 characters, texts without regard to case."""
    return _folded(field, literal.value)


def _folded(field: Field, value: Json) -> Json:
    if not isinstance(value, str):
        return value
    if field.type in (FieldType.ID, FieldType.REFERENCE):
        return value[:15]
    return value.casefold() if field.type in TEXTS else value
