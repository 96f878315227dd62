"""Reads the fields of a request's body, with the vendor's complaints."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from adapters.kantata.simulated.problems import invalid
from adapters.kantata.simulated.state import Row

Body = Mapping[str, object]
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
WITHOUT_SUBUNIT = frozenset({"JPY", "KRW", "CLP", "ISK"})


def required(body: Body, *names: str) -> None:
    for name in names:
        if body.get(name) in (None, ""):
            raise invalid(name, "can't be blank")


def text(body: Body, name: str, default: str = "") -> str:
    value = body.get(name)
    return default if value is None else str(value)


def maybe(body: Body, name: str) -> str | None:
    value = body.get(name)
    return None if value is None else str(value)


def day(body: Body, name: str) -> str | None:
    value = body.get(name)
    if value in (None, ""):
        return None
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError as error:
        raise invalid(name, "is not a valid date") from error


def whole(body: Body, name: str) -> int:
    value = body.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    raise invalid(name, "is not a number")


def yes(body: Body, name: str, default: bool) -> bool:
    value = body.get(name, default)
    return value is True or value in ("true", "TRUE", "1")


def numbers(body: Body, name: str) -> list[str]:
    value = body.get(name) or []
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def currency_columns(code: str) -> Row:
    return {
        "currency": code,
        "currency_symbol": SYMBOLS.get(code, code),
        "currency_base_unit": 1 if code in WITHOUT_SUBUNIT else 100,
    }
