"""Writing SOQL: quoting, literals, and names that cannot smuggle anything in."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator

_PATH = re.compile(r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*){0,5}$")


def _field_path(text: str) -> str:
    if not _PATH.match(text):
        raise ValueError(f"{text!r} is not a field name or a path such as Account.Name")
    return text


FieldPath = Annotated[str, AfterValidator(_field_path)]
"""An API name, or a path over parent relationships (at most five levels, as the platform says)."""


def quoted(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def moment(instant: datetime) -> str:
    """A datetime literal in UTC, without a plus sign that a URL could lose."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def sub_select(fields: list[str], relationship: str, order_by: str) -> str:
    return f"(SELECT {', '.join(fields)} FROM {relationship} ORDER BY {order_by})"
