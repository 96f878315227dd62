"""Tryton's JSON: typed values travel as objects marked `__class__` (trytond.protocols.jsonrpc)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from pydantic import JsonValue

Wire: TypeAlias = (
    bool
    | int
    | float
    | str
    | bytes
    | Decimal
    | date
    | timedelta
    | Sequence["Wire"]
    | Mapping[str, "Wire"]
    | None
)
"""What may be sent and what is received. A datetime is naive UTC, as the server's are."""


class NotWire(ValueError):
    """A marked object that does not hold what its mark promises."""


def encode(value: Wire) -> JsonValue:
    """`value` as JSON, typed values as marked objects."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {key: encode(member) for key, member in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [encode(member) for member in value]
    return _marked(value)


def _marked(value: bytes | Decimal | date | timedelta) -> JsonValue:
    match value:
        case Decimal():
            return {"__class__": "Decimal", "decimal": str(value)}
        case datetime():
            return {"__class__": "datetime", **_parts(value, _DATE + _TIME)}
        case date():
            return {"__class__": "date", **_parts(value, _DATE)}
        case timedelta():
            return {"__class__": "timedelta", "seconds": value.total_seconds()}
        case bytes():
            return {"__class__": "bytes", "base64": base64.b64encode(value).decode("ascii")}


_DATE = ("year", "month", "day")
_TIME = ("hour", "minute", "second", "microsecond")


def _parts(moment: date, names: tuple[str, ...]) -> dict[str, JsonValue]:
    return {name: int(getattr(moment, name)) for name in names}


def decode(value: JsonValue) -> Wire:
    """The inverse of `encode`. Raises NotWire for a mark that is unknown or does not fit."""
    if isinstance(value, list):
        return [decode(member) for member in value]
    if not isinstance(value, dict):
        return value
    mark = value.get("__class__")
    if mark is None:
        return {key: decode(member) for key, member in value.items()}
    if not isinstance(mark, str) or mark not in _READERS:
        raise NotWire(f"unknown type {mark!r}")
    try:
        return _READERS[mark](value)
    except (KeyError, ValueError, TypeError, InvalidOperation, OverflowError) as error:
        raise NotWire(f"not a {mark}") from error


def _integer(members: Mapping[str, JsonValue], name: str) -> int:
    value = members[name]
    if not isinstance(value, int):
        raise TypeError(name)
    return value


def _read_datetime(members: Mapping[str, JsonValue]) -> Wire:
    year, month, day, hour, minute, second, micro = (
        _integer(members, name) for name in _DATE + _TIME
    )
    return datetime(year, month, day, hour, minute, second, micro)  # noqa: DTZ001 - naive UTC


def _read_date(members: Mapping[str, JsonValue]) -> Wire:
    year, month, day = (_integer(members, name) for name in _DATE)
    return date(year, month, day)


def _read_timedelta(members: Mapping[str, JsonValue]) -> Wire:
    seconds = members["seconds"]
    if not isinstance(seconds, int | float):
        raise TypeError("seconds")
    return timedelta(seconds=seconds)


def _read_bytes(members: Mapping[str, JsonValue]) -> Wire:
    text = "".join(str(members["base64"]).split())  # the server breaks long values into lines
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("base64") from error


_READERS: dict[str, Callable[[Mapping[str, JsonValue]], Wire]] = {
    "Decimal": lambda members: Decimal(str(members["decimal"])),
    "date": _read_date,
    "datetime": _read_datetime,
    "timedelta": _read_timedelta,
    "bytes": _read_bytes,
}
