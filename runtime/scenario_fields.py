"""The fields that a place of a scenario file may have, for whoever misspelt one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from canonical.scenario.model import Scenario

Kind = type[BaseModel]
KIND_FIELD: Final = "method"
"""What tells the kinds of contract lines apart."""


def fields_at(place: Sequence[int | str]) -> list[str]:
    """The fields of the mapping at a place of the file, as an error of its validation names it;
    empty where any are allowed."""
    kinds: list[Kind] = [Scenario]
    for part in place:
        if isinstance(part, int):
            continue
        tagged = [kind for kind in kinds if len(kinds) > 1 and part in _kind_names(kind)]
        kinds = tagged or [
            each
            for kind in kinds
            if part in kind.model_fields
            for each in _models_of(kind.model_fields[part].annotation)
        ]
    return sorted({name for kind in kinds for name in kind.model_fields})


def _kind_names(kind: Kind) -> tuple[object, ...]:
    field = kind.model_fields.get(KIND_FIELD)
    is_kind = field is not None and get_origin(field.annotation) is Literal
    return get_args(field.annotation) if field is not None and is_kind else ()


def _models_of(annotation: object) -> Iterator[Kind]:
    """The models that an annotation holds, in lists, unions and mappings."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is Annotated:
        yield from _models_of(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType, tuple, list, dict):
        for part in get_args(annotation):
            yield from _models_of(part)
