"""A copy of the books that shares what is immutable: rows, works, versions, journals."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

T = TypeVar("T")
Copier = Callable[[Any], Any]


def copied(value: T) -> T:
    """Containers and changing records anew, everything else as it is."""
    copier = _copier(type(value))
    same: T = value if copier is None else copier(value)
    return same


_KNOWN: dict[type[object], Copier | None] = {}


def _copier(kind: type[object]) -> Copier | None:
    """How values of a type are copied; None: they are immutable."""
    if kind not in _KNOWN:
        _KNOWN[kind] = _find_copier(kind)
    return _KNOWN[kind]


def _find_copier(kind: type[object]) -> Copier | None:
    if issubclass(kind, dict):
        return _dict
    if issubclass(kind, list):
        return _list
    if issubclass(kind, set):
        return set
    return _record_of(kind) if is_dataclass(kind) and not _is_frozen(kind) else None


def _dict(value: dict[object, object]) -> dict[object, object]:
    return {key: copied(each) for key, each in value.items()}


def _list(value: list[object]) -> list[object]:
    return [copied(each) for each in value]


def _record_of(kind: type[Any]) -> Copier:
    names = [each.name for each in fields(kind)]

    def record(value: object) -> object:
        found = copy(value)
        for name in names:
            each = getattr(value, name)
            copier = _copier(type(each))
            if copier is not None:
                setattr(found, name, copier(each))
        return found

    return record


def _is_frozen(kind: type[object]) -> bool:
    parameters = getattr(kind, "__dataclass_params__", None)
    return bool(getattr(parameters, "frozen", False))
