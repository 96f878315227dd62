"""Terms laid over a contract's lines: fields replace, a line is known by its `line_id`.

An amendment and the terms sheet of a deal speak in this way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

Line = Mapping[str, object]


class LineChanges(NamedTuple):
    """What can be laid over, and what is wrong with the rest, in words."""

    changes: list[Line]
    problems: list[str]


def line_changes(told: object) -> LineChanges:
    """The entries of a list of lines that name their line."""
    if not isinstance(told, list | tuple):
        return LineChanges([], ["`lines` is a list of contract lines"])
    named = [each for each in told if isinstance(each, Mapping) and each.get("line_id")]
    if len(named) < len(told):
        return LineChanges(named, ["each of `lines` is a contract line that names its `line_id`"])
    return LineChanges(named, [])


def lay_over(lines: Iterable[Line], changes: Iterable[Line]) -> list[dict[str, object]]:
    """Fields are replaced one by one, new lines added, `remove: true` takes a line out."""
    found = {str(line["line_id"]): dict(line) for line in lines}
    for change in changes:
        line_id = str(change["line_id"])
        if change.get("remove"):
            found.pop(line_id, None)
        else:
            found[line_id] = {**found.get(line_id, {}), **change}
    return list(found.values())
