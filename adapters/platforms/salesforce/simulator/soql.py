"""Reads SOQL into a tree: SELECT with parents and one level of sub-queries, WHERE, ORDER BY,
LIMIT."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from adapters.platforms.salesforce.decimals import Json
from adapters.platforms.salesforce.simulator.errors import Refusal
from adapters.platforms.salesforce.simulator.values import wire_moment

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^'\\]|\\.)*')
    | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?(?:Z|[+-]\d\d:?\d\d))
    | (?P<date>\d{4}-\d\d-\d\d)
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
    | (?P<mark><=|>=|!=|=|<|>|\(|\)|,)
    )""",
    re.VERBOSE,
)
OPERATORS = frozenset({"=", "!=", "<", ">", "<=", ">=", "in"})
SOQL_MAX = 100_000


class Token(NamedTuple):
    kind: str
    text: str
    column: int


@dataclass(frozen=True)
class Literal:
    """A value with the type that its spelling has."""

    kind: str
    value: Json


@dataclass(frozen=True)
class Condition:
    path: str
    operator: str
    literals: tuple[Literal, ...]


@dataclass(frozen=True)
class Order:
    path: str
    descending: bool


@dataclass(frozen=True)
class Query:
    fields: tuple[str, ...]
    subqueries: tuple[Query, ...]
    source: str
    """The object, or in a sub-query the child relationship."""
    conditions: tuple[Condition, ...]
    order: tuple[Order, ...]
    limit: int | None


def parse(soql: str) -> Query:
    """Raises Refusal MALFORMED_QUERY for what this dialect does not know."""
    if len(soql) > SOQL_MAX:
        raise Refusal(400, "MALFORMED_QUERY", "SOQL statements cannot be longer than 100000")
    reader = _Reader(soql)
    query = reader.query(nested=False)
    reader.require_end()
    return query


class _Reader:
    def __init__(self, soql: str) -> None:
        self._soql = soql
        self._tokens = list(_tokens(soql))
        self._position = 0

    def query(self, *, nested: bool) -> Query:
        self._keyword("select")
        fields, subqueries = self._items(nested)
        self._keyword("from")
        source = self._take("name").text
        conditions = self._conditions() if self._skip("where") else ()
        order = self._order() if self._skip("order") else ()
        limit = int(self._take("number").text) if self._skip("limit") else None
        return Query(fields, subqueries, source, conditions, order, limit)

    def require_end(self) -> None:
        if self._peek() is not None:
            raise self._malformed()

    def _items(self, nested: bool) -> tuple[tuple[str, ...], tuple[Query, ...]]:
        fields: list[str] = []
        subqueries: list[Query] = []
        while True:
            if not nested and self._skip("("):
                subqueries.append(self.query(nested=True))
                self._mark(")")
            else:
                fields.append(self._take("name").text)
            if not self._skip(","):
                return tuple(fields), tuple(subqueries)

    def _conditions(self) -> tuple[Condition, ...]:
        found = [self._condition()]
        while self._skip("and"):
            found.append(self._condition())
        return tuple(found)

    def _condition(self) -> Condition:
        path = self._take("name").text
        token = self._next()
        operator = token.text.lower()
        if operator not in OPERATORS:
            raise self._malformed()
        if operator != "in":
            return Condition(path, operator, (self._literal(),))
        self._mark("(")
        literals = [self._literal()]
        while self._skip(","):
            literals.append(self._literal())
        self._mark(")")
        return Condition(path, operator, tuple(literals))

    def _order(self) -> tuple[Order, ...]:
        self._keyword("by")
        found = [self._order_item()]
        while self._skip(","):
            found.append(self._order_item())
        return tuple(found)

    def _order_item(self) -> Order:
        path = self._take("name").text
        descending = self._skip("desc")
        if not descending:
            self._skip("asc")
        return Order(path, descending)

    def _literal(self) -> Literal:
        token = self._next()
        match token.kind:
            case "text":
                return Literal("text", re.sub(r"\\(.)", r"\1", token.text[1:-1]))
            case "number":
                return Literal("number", Decimal(token.text))
            case "date":
                return Literal("date", token.text)
            case "datetime":
                return Literal("datetime", wire_moment(_instant(token.text)))
            case "name" if token.text.lower() in ("true", "false"):
                return Literal("boolean", token.text.lower() == "true")
            case "name" if token.text.lower() == "null":
                return Literal("null", None)
        raise self._malformed()

    def _peek(self) -> Token | None:
        return self._tokens[self._position] if self._position < len(self._tokens) else None

    def _next(self) -> Token:
        token = self._peek()
        if token is None:
            raise self._malformed()
        self._position += 1
        return token

    def _take(self, kind: str) -> Token:
        token = self._peek()
        if token is None or token.kind != kind:
            raise self._malformed()
        return self._next()

    def _skip(self, word: str) -> bool:
        token = self._peek()
        if token is None or token.kind == "text" or token.text.lower() != word:
            return False
        self._position += 1
        return True

    def _keyword(self, word: str) -> None:
        if not self._skip(word):
            raise self._malformed()

    _mark = _keyword

    def _here(self) -> int:
        token = self._peek()
        return token.column if token else len(self._soql)

    def _malformed(self) -> Refusal:
        return _malformed(self._soql, self._here())


def _malformed(soql: str, place: int) -> Refusal:
    shown = soql[place : place + 20] or "<EOF>"
    return Refusal(
        400,
        "MALFORMED_QUERY",
        f"\n{soql[:120]}\nERROR at Row:1:Column:{place + 1}\nunexpected token: '{shown}'",
    )


def _tokens(soql: str) -> Iterator[Token]:
    position, end = 0, len(soql.rstrip())
    while position < end:
        found = _TOKEN.match(soql, position)
        if found is None:
            raise _malformed(soql, position)
        kind = str(found.lastgroup)
        yield Token(kind, found.group(kind), found.start(kind))
        position = found.end()


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refusal(400, "MALFORMED_QUERY", f"Invalid datetime: {text}") from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
