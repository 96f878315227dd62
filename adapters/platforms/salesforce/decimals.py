"""JSON whose numbers are decimals on both sides: amounts never pass through a float."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal

Json = None | bool | int | Decimal | str | list["Json"] | dict[str, "Json"]


def loads(content: bytes | str) -> Json:
    """The document with every fraction as a Decimal. Raises ValueError for what is not JSON."""
    try:
        document: Json = json.loads(content, parse_float=Decimal, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("the document is nested too deeply") from error
    return document


def dumps(document: object) -> str:
    """Compact JSON of mappings, sequences, texts, numbers and decimals (written exactly)."""
    if isinstance(document, Mapping):
        members = (f"{json.dumps(str(key))}:{dumps(value)}" for key, value in document.items())
        return "{" + ",".join(members) + "}"
    if isinstance(document, list | tuple):
        return "[" + ",".join(dumps(each) for each in document) + "]"
    if isinstance(document, Decimal):
        return format(document, "f")
    return json.dumps(document)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")
