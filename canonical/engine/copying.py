"""A copy of the books that shares what is immutable: rows, works, versions, journals."""

from __future__ import annotations

from copy import copy
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

T = TypeVar("T")


def copied(value: T) -> T:
    """Containers and changing records anew, everything else as it is."""
    found: Any = value
    if isinstance(found, dict):
        found = {key: copied(each) for key, each in found.items()}
    elif isinstance(found, list):
        found = [copied(each) for each in found]
    elif isinstance(found, set):
        found = set(found)
    elif is_dataclass(found) and not _is_frozen(found):
        found = copy(value)
        for each in fields(found):
            setattr(found, each.name, copied(getattr(found, each.name)))
    same: T = found
    return same


def _is_frozen(value: object) -> bool:
    parameters = getattr(type(value), "__dataclass_params__", None)
    return bool(getattr(parameters, "frozen", False))
