"""What the contract's own models refuse of a draft, all of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from canonical.contract import ContractVersion
from canonical.deal_lines import Draft

Location = Sequence[int | str]


class Place(NamedTuple):
    """Where in a draft an error is: a contract line, if in one, and the way from there."""

    line: int | None
    path: tuple[int | str, ...]


class Refusal(NamedTuple):
    """One error, and the draft that it speaks of."""

    error: ErrorDetails
    draft: Draft

    @property
    def place(self) -> Place:
        return place_of(self.error["loc"])

    @property
    def is_of_whole(self) -> bool:
        """A line's or the contract's parts are right, and do not fit each other."""
        return self.error["type"] == "value_error" and not self.place.path


class Verdict(NamedTuple):
    """`version` is the contract without what was refused, where that still is one."""

    version: ContractVersion | None
    refusals: list[Refusal]


def judge(draft: Draft) -> Verdict:
    """The models look at a whole only when its parts are right; so once more without the faults,
    that no fault of a part hides a fault of the whole."""
    version, found = _tried(draft)
    if version is not None:
        return Verdict(version, [])
    rest = _without(draft, [refusal.place for refusal in found])
    version, more = _tried(rest)
    return Verdict(version, [*found, *(each for each in more if each.is_of_whole)])


def place_of(location: Location) -> Place:
    match tuple(location):
        case ("lines", int(line), *path):
            # The first part of the path is no field: it is the kind of line that the union chose.
            return Place(line, tuple(path[1:]))
        case path:
            return Place(None, path)


def _tried(draft: Draft) -> Verdict:
    try:
        return Verdict(ContractVersion.model_validate(draft), [])
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_input=False)
        return Verdict(None, [Refusal(error, draft) for error in _causes(errors)])


def _causes(errors: Sequence[ErrorDetails]) -> Iterable[ErrorDetails]:
    """Without what only follows: a list whose items are refused is not "too short" as well."""
    for error in errors:
        if error["type"] != "too_short" or not _has_inner(error, errors):
            yield error


def _has_inner(outer: ErrorDetails, errors: Sequence[ErrorDetails]) -> bool:
    place = outer["loc"]
    return any(
        len(error["loc"]) > len(place) and error["loc"][: len(place)] == place for error in errors
    )


def _without(draft: Draft, faults: Iterable[Place]) -> Draft:
    """The draft without the rows and fields that have faults; what a draft lacks stays lacking."""
    rest: Draft = deepcopy(draft)
    for fault in sorted({_Fault.of(each) for each in faults if each.path}, reverse=True):
        node = rest if fault.line < 0 else child_of(child_of(rest, "lines"), fault.line)
        if fault.row < 0:
            _remove(node, fault.field)
        else:
            _remove(child_of(node, fault.field), fault.row)
    return rest


class _Fault(NamedTuple):
    """What to leave out: a field, or one row of it; -1 is no line and no row. Higher rows go first,
    so that the lower ones keep their numbers."""

    line: int
    field: str
    row: int

    @classmethod
    def of(cls, place: Place) -> _Fault:
        field, row = (*place.path, None)[:2]
        line = -1 if place.line is None else place.line
        return cls(line, str(field), row if isinstance(row, int) else -1)


def _remove(node: object, part: int | str) -> None:
    if isinstance(node, dict):
        node.pop(part, None)
    elif isinstance(node, list) and isinstance(part, int) and part < len(node):
        del node[part]


def child_of(node: object, part: int | str) -> object:
    """What is at one step of a location, or None."""
    if isinstance(node, Mapping):
        return node.get(part)
    if isinstance(node, list | tuple) and isinstance(part, int) and part < len(node):
        child: object = node[part]
        return child
    return None
