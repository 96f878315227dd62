"""JSON without loss: decimals stay decimals, nothing is overwritten, all of it can be stored.

Read as binary fractions, 12345678901234567.89 would lose its cents.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal


class JsonInvalid(ValueError):
    """A body that is not JSON as we read it; the message says why."""


def parse(body: bytes) -> object:
    """The document. Raises JsonInvalid."""
    try:
        document: object = json.loads(
            body.decode("utf-8"),
            parse_float=Decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique_keys,
        )
    except RecursionError:
        raise JsonInvalid("it is nested too deeply") from None
    except ValueError as broken:
        raise JsonInvalid(str(broken)) from None
    if b"\\u" in body and not all(_is_storable(text) for text in _texts(document)):
        raise JsonInvalid("a text has a NUL character or half a surrogate pair")
    return document


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a number of JSON")


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        repeated = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]
        raise ValueError(f"the key {repeated[0]!r} appears twice in one object")
    return found


def _texts(document: object) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        for key, value in document.items():
            yield key
            yield from _texts(value)
    elif isinstance(document, list):
        for value in document:
            yield from _texts(value)


def _is_storable(text: str) -> bool:
    """PostgreSQL stores neither NUL nor lone surrogates."""
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text)
