"""What all tables share: their catalogue, naming of constraints, and kinds of columns."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    MetaData,
    Numeric,
    Text,
    Uuid,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)

DERIVED_ID = Uuid(as_uuid=False)
"""An id of `canonical.ids.derive`: kept as uuid, handled as text."""
MOMENT = DateTime(timezone=True)
EXACT = Numeric()
"""A decimal of any scale: what was stored comes back digit by digit."""


def words(name: str, *, default: str | None = "") -> Column[str]:
    """A text that is never null; empty unless `default` is None."""
    server_default = None if default is None else text(f"'{default}'")
    return Column(name, Text, nullable=False, server_default=server_default)


def moment(name: str, *, now: bool = False, nullable: bool = False) -> Column[Any]:
    """An instant; `now` gives it the transaction's time by default."""
    return Column(name, MOMENT, nullable=nullable, server_default=text("now()") if now else None)


def exact(name: str, *, nullable: bool = False, default: str | None = None) -> Column[Any]:
    """A quantity, or an amount whose currency stands in another column of the row."""
    return Column(
        name, EXACT, nullable=nullable, server_default=None if default is None else text(default)
    )


def external(prefix: str, *, nullable: bool = False) -> tuple[Column[str], ...]:
    """The three columns of an ExternalRef: `<prefix>_system`, `_kind` and `_id`."""
    return tuple(
        Column(f"{prefix}_{part}", Text, nullable=nullable) for part in ("system", "kind", "id")
    )


def one_of(column: str, values: type[StrEnum] | Iterable[str]) -> CheckConstraint:
    """A check that a column holds one of a finite set of words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
