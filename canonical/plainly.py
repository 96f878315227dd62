"""Plain writing, read leniently: a single value stands for a list of one, nothing for an empty
one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)
_NO_LIST = ("tuple_type", "list_type")


def validated(model: type[M], body: object) -> M:
    """The model of a body; lists that are written as single values are completed in place.

    Raises ValidationError for everything else.
    """
    while True:
        try:
            return model.model_validate(body)
        except ValidationError as invalid:
            errors = invalid.errors(include_url=False, include_input=False)
            places = [error["loc"] for error in errors if error["type"] in _NO_LIST]
            if not any([_complete(body, place) for place in places]):
                raise


def _complete(body: object, place: Sequence[int | str]) -> bool:
    """Whether the value of a place was made a list. Parts of the place that the body does not have
    (the kind of a contract line) are passed over."""
    value, put = body, None
    for part in place:
        found = _member(value, part)
        if found is not None:
            put, value = found
    if put is None or isinstance(value, list | tuple):
        return False
    put([] if value is None else [value])
    return True


def _member(value: object, part: int | str) -> tuple[Callable[[object], None], object] | None:
    """A part of a mapping or list: how it is replaced, and what it is."""
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return partial(value.__setitem__, part), value[part]
    if isinstance(value, dict) and part in value:
        return partial(value.__setitem__, part), value[part]
    return None
