"""Kantata's answer envelope: the order lives in `results`, the rows in maps keyed by id.

A keyed map may hold more rows than `results` (includes of the same kind), so rows are never read
from it directly. A row that does not fit its model is set aside as a fault of its page, so that
one bad row does not hide the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import JsonValue, ValidationError

from adapters.http import Answer, unreadable
from adapters.kantata.rows import Id, Row
from canonical.base import Fact
from canonical.errors import AnswerUnreadable

R = TypeVar("R", bound=Row)
Side = TypeVar("Side", bound=Row)


class ResultRef(Fact):
    key: str
    id: Id


class Meta(Fact):
    """`page_count` and `page_number` are 0 when there is nothing."""

    count: int
    page_count: int
    page_number: int


class Envelope(Fact):
    """What every answer carries; the keyed maps are its extra fields."""

    meta: Meta
    results: tuple[ResultRef, ...]


@dataclass(frozen=True)
class Page(Generic[R]):
    """One page: its readable rows in order, its faults, and the rows that were side-loaded."""

    rows: Sequence[R]
    faults: Sequence[AnswerUnreadable]
    count: int
    number: int
    page_count: int
    system: str
    _extra: Mapping[str, object]

    @property
    def is_last(self) -> bool:
        return self.number >= self.page_count

    def side(
        self, key: str, model: type[Side], faults: list[AnswerUnreadable] | None = None
    ) -> dict[str, Side]:
        """Side-loaded rows by id; a requested include is always there.

        Raises AnswerUnreadable; with `faults` a row that does not fit is put there instead.
        """
        if key not in self._extra:
            raise AnswerUnreadable(self.system, "a requested include is missing", where=key)
        found: dict[str, Side] = {}
        for row_id, raw in _map(self.system, key, self._extra).items():
            try:
                found[row_id] = read_row(self.system, key, model, raw)
            except AnswerUnreadable as fault:
                if faults is None:
                    raise
                faults.append(fault)
        return found


def read_page(answer: Answer, key: str, model: type[R]) -> Page[R]:
    """The rows of `key` in the order of `results`. Raises AnswerUnreadable for a bad envelope."""
    envelope = answer.parse(Envelope, key)
    extra = envelope.model_extra or {}
    raw_rows = _map(answer.system, key, extra)
    rows: list[R] = []
    faults: list[AnswerUnreadable] = []
    for reference in envelope.results:
        if reference.key != key:
            continue
        if reference.id not in raw_rows:
            raise AnswerUnreadable(
                answer.system, "a result has no row", where=key, request_id=answer.request_id
            )
        try:
            rows.append(read_row(answer.system, key, model, raw_rows[reference.id]))
        except AnswerUnreadable as fault:
            faults.append(fault)
    meta = envelope.meta
    return Page(rows, faults, meta.count, meta.page_number, meta.page_count, answer.system, extra)


def read_row(system: str, key: str, model: type[R], raw: object) -> R:
    """Raises AnswerUnreadable with `<key>.<field>`: the kind of drift, not the object."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise unreadable(system, error, key) from error


def _map(system: str, key: str, extra: Mapping[str, object]) -> dict[str, dict[str, JsonValue]]:
    found = extra.get(key)
    if isinstance(found, dict):
        return found
    raise AnswerUnreadable(system, "the map of rows is missing or is no map", where=key)
