"""Records of outside systems in SQL: their columns, their lock, and the nouns linked to them."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.ids import ExternalRef

PROJECT, CLIENT, INVOICE = "project", "client", "invoice"
"""The nouns that links speak of."""


class Linked(NamedTuple):
    noun: str
    noun_id: str


def columns(prefix: str, reference: ExternalRef) -> dict[str, str]:
    """A reference as the values of its three columns."""
    return {
        f"{prefix}_system": reference.system,
        f"{prefix}_kind": reference.kind,
        f"{prefix}_id": reference.id,
    }


def read(prefix: str, row: RowMapping) -> ExternalRef | None:
    """The reference in a row's three columns, or None when they are null."""
    if row[f"{prefix}_system"] is None:
        return None
    return ExternalRef(
        system=str(row[f"{prefix}_system"]),
        kind=str(row[f"{prefix}_kind"]),
        id=str(row[f"{prefix}_id"]),
    )


async def lock(connection: AsyncConnection, reference: ExternalRef) -> None:
    """Hold a reference until the transaction ends.

    Whoever looks for a link in order to wait for it, and whoever makes the link, take this lock:
    else both could miss what the other has not committed yet, and the event would wait for ever.
    """
    await connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:reference, 0))"),
        {"reference": str(reference)},
    )


async def linked(connection: AsyncConnection, reference: ExternalRef) -> Linked | None:
    """The noun that a reference is linked to."""
    found = await connection.execute(
        text(
            "SELECT noun, noun_id FROM identity_link"
            " WHERE system = :system AND kind = :kind AND external_id = :id"
        ),
        reference.model_dump(),
    )
    row = found.one_or_none()
    return None if row is None else Linked(row.noun, row.noun_id)
