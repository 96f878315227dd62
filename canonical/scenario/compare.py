"""Comparison of what is expected with what came out: every difference with its place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.scenario.model import Expect, ExpectedInvoice, ExpectedSum, OpeningBalance
from canonical.scenario.tables import Row, Tables, Value

ZERO = Decimal(0)


class Difference(NamedTuple):
    """One thing that is not as expected."""

    block: str
    row: str
    field: str
    expected: str
    found: str

    def __str__(self) -> str:
        where = f"{self.block}: {self.row}" + (f", {self.field}" if self.field else "")
        return f"{where}: expected {self.expected}, found {self.found}"


_KEYS = {
    "transactions": ("entry", "invoice", "kind", "work_date", "quantity", "amount"),
    "invoices": ("invoice",),
    "lines": ("invoice", "line_no", "description", "net"),
    "taxes": ("invoice", "category", "rate"),
    "journals": ("period", "account", "contract", "entity"),
    "balances": ("account",),
    "movements": ("account",),
    "balances_at": ("on", "account", "contract", "entity"),
    "retainer": ("term",),
    "revenue": ("on", "line", "contract"),
    "receivables": ("invoice", "on"),
    "parts": ("entry", "state", "reason"),
    "realisation": ("contract",),
    "intercompany": ("entry",),
    "position": ("contract",),
    "cases": ("subject",),
}

_IDENTITY = {"transactions": 1, "lines": 1, "taxes": 1, "parts": 2}
"""How many of the keys make a row the same row; otherwise all do."""


def compare(expect: Expect, tables: Tables, opening: Sequence[OpeningBalance]) -> list[Difference]:
    """All differences, block by block; blocks that are not written are not compared."""
    found: list[Difference] = []
    for block, wanted, actual in _blocks(expect, tables, opening):
        found += _compare_block(block, wanted, actual)
    return found


Block = tuple[str, list[Row], list[Row]]


def _blocks(expect: Expect, tables: Tables, opening: Sequence[OpeningBalance]) -> Iterable[Block]:
    plain = ("transactions", "retainer", "revenue", "receivables", "parts", "realisation")
    for name in (*plain, "intercompany", "position", "cases"):
        rows = getattr(expect, name)
        if rows is not None:
            yield name, [_given(row) for row in rows], tables[name]
    if expect.invoices is not None:
        yield from _invoice_blocks(expect.invoices, tables)
    if expect.journals is not None:
        yield _journal_block(expect.journals, tables["journals"])
    for name, amounts in (("balances", expect.balances), ("movements", expect.movements)):
        if amounts is not None:
            yield _balance_block(name, amounts, tables[name])
    if expect.balances_at is not None:
        wanted = [_given(row) for row in expect.balances_at]
        yield "balances_at", wanted, [_balance_at(row, tables, opening) for row in wanted]


def _given(row: object) -> Row:
    """Only what is written."""
    fields: set[str] = row.model_fields_set  # type: ignore[attr-defined]  # all are models
    return {name: getattr(row, name) for name in sorted(fields)}


def _invoice_blocks(invoices: Sequence[ExpectedInvoice], tables: Tables) -> Iterable[Block]:
    heads = []
    parts: dict[str, list[Row]] = {"lines": [], "taxes": []}
    told: dict[str, set[str]] = {"lines": set(), "taxes": set()}
    for invoice in invoices:
        head = _given(invoice)
        for name in ("lines", "taxes"):
            head.pop(name, None)
            rows = getattr(invoice, name)
            if rows is not None:
                told[name].add(invoice.invoice)
                parts[name] += [{"invoice": invoice.invoice, **_given(row)} for row in rows]
        heads.append(head)
    yield "invoices", heads, tables["invoices"]
    for name in ("lines", "taxes"):
        actual = [row for row in tables[name] if row["invoice"] in told[name]]
        yield name, parts[name], actual


def _journal_block(expected: Sequence[ExpectedSum], lines: list[Row]) -> Block:
    """Sums per period and account, and by contract and entity where an expected row says them."""
    by = ["period", "account"]
    by += [name for name in ("contract", "entity") if any(getattr(row, name) for row in expected)]
    wanted: dict[tuple[Value, ...], Decimal] = {}
    for row in expected:
        key = tuple(getattr(row, name) or "" for name in by)
        wanted[key] = wanted.get(key, ZERO) + row.debit - row.credit
    actual: dict[tuple[Value, ...], Decimal] = {}
    for line in lines:
        key = tuple(line[name] for name in by)
        actual[key] = actual.get(key, ZERO) + _number(line["debit"]) - _number(line["credit"])
    return (
        "journals",
        [_sum_row(by, key, amount) for key, amount in wanted.items()],
        [
            _sum_row(by, key, amount)
            for key, amount in sorted(actual.items(), key=lambda each: str(each[0]))
            if amount or key in wanted
        ],
    )


def _sum_row(by: list[str], key: tuple[Value, ...], amount: Decimal) -> Row:
    return {**dict(zip(by, key, strict=True)), "debit less credit": amount}


def _balance_block(name: str, amounts: dict[str, Decimal], rows: list[Row]) -> Block:
    wanted: list[Row] = [{"account": key, "amount": amount} for key, amount in amounts.items()]
    named = set(amounts)
    actual = [row for row in rows if row["amount"] or row["account"] in named]
    known = {row["account"] for row in actual}
    zeros: list[Row] = [
        {"account": account, "amount": ZERO} for account in amounts if account not in known
    ]
    return name, wanted, [*actual, *zeros]


def _balance_at(wanted: Row, tables: Tables, opening: Sequence[OpeningBalance]) -> Row:
    total = ZERO
    for balance in opening:
        told = {"account": balance.account, "contract": balance.contract, "entity": balance.entity}
        if _fits(wanted, {**told}):
            total += balance.amount
    for line in tables["journals"]:
        day, until = line["on"], wanted["on"]
        assert isinstance(day, date)
        assert isinstance(until, date)
        if day <= until and _fits(wanted, line):
            total += _number(line["debit"]) - _number(line["credit"])
    return {**wanted, "amount": total}


def _fits(wanted: Row, row: Row) -> bool:
    return all(
        row.get(name) == wanted[name]
        for name in ("account", "contract", "entity")
        if name in wanted
    )


def _number(value: Value) -> Decimal:
    assert isinstance(value, Decimal)
    return value


def _compare_block(block: str, wanted: list[Row], actual: list[Row]) -> list[Difference]:
    """Exact pairs first; what is left is paired with what is most like it."""
    left = list(actual)
    open_rows = []
    for row in wanted:
        twin = next((each for each in left if not _unlike(row, each)), None)
        if twin is None:
            open_rows.append(row)
        else:
            left.remove(twin)
    found: list[Difference] = []
    for row in open_rows:
        nearest = min(left, key=lambda each: _distance(block, row, each), default=None)
        if nearest is None or not _is_like(block, row, nearest):
            found.append(Difference(block, _label(block, row), "", "this row", "none"))
            continue
        left.remove(nearest)
        found += [
            Difference(block, _label(block, row), name, _text(row[name]), _text(nearest.get(name)))
            for name in _unlike(row, nearest)
        ]
    return found + [
        Difference(block, _label(block, row), "", "no such row", _summary(row)) for row in left
    ]


def _unlike(row: Row, other: Row) -> list[str]:
    return [
        name
        for name, value in row.items()
        if value is not None and not _is_same(name, value, other.get(name))
    ]


def _is_same(name: str, value: Value, found: Value) -> bool:
    """A fee may be named by its key alone: `M1` for `line/M1`."""
    is_key = name == "entry" and isinstance(found, str) and found.partition("/")[2] == value
    return found == value or is_key


def _distance(block: str, row: Row, other: Row) -> tuple[int, int]:
    unlike = set(_unlike(row, other))
    return len(unlike & set(_KEYS[block][:2])), len(unlike)


def _is_like(block: str, row: Row, other: Row) -> bool:
    """Rows of another key are no pair: one is missing, the other too many."""
    identity = _KEYS[block][: _IDENTITY.get(block)]
    return not set(identity) & set(_unlike(row, other))


def _label(block: str, row: Row) -> str:
    return " ".join(_text(row[name]) for name in _KEYS[block] if row.get(name) not in (None, ""))


def _summary(row: Row) -> str:
    shown = {name: value for name, value in row.items() if value not in (None, "", ())}
    return ", ".join(f"{name} {_text(value)}" for name, value in list(shown.items())[:12])


def _text(value: Value) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return ", ".join(value) if isinstance(value, tuple) else str(value)
