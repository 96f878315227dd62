"""Links from outside records to our nouns, and what was waiting for them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.errors import RecordExists
from canonical.ids import ExternalRef
from store import references, unlinked
from store.delivery import deliver_waiting
from store.engine import SYSTEM
from store.payment_sums import adopt_payments
from store.tables import identity_link


async def link(
    connection: AsyncConnection, noun: str, noun_id: str, reference: ExternalRef
) -> None:
    """Link once; events and payments that waited for the record find their way.

    Raises RecordExists when the reference is linked to another noun.
    """
    await references.lock(connection, reference)
    known = await references.linked(connection, reference)
    if known is None:
        await connection.execute(
            identity_link.insert().values(
                system=reference.system,
                kind=reference.kind,
                external_id=reference.id,
                noun=noun,
                noun_id=noun_id,
            )
        )
        if noun == references.INVOICE:
            await adopt_payments(connection, noun_id, reference)
        await deliver_waiting(connection, reference)
        await unlinked.resolve(connection, reference)
    elif known != (noun, noun_id):
        raise RecordExists(
            SYSTEM,
            f"{reference} is linked to {known.noun} {known.noun_id}, not to {noun} {noun_id}; "
            "merge them in the system that owns the record",
            reference=known.noun_id,
        )


async def reference(connection: AsyncConnection, noun_id: str, system: str) -> ExternalRef | None:
    """The record of a noun in a system: the first that was linked."""
    found = await connection.execute(
        select(identity_link.c.kind, identity_link.c.external_id)
        .where(identity_link.c.noun_id == noun_id, identity_link.c.system == system)
        .order_by(identity_link.c.linked_at, identity_link.c.kind, identity_link.c.external_id)
        .limit(1)
    )
    row = found.one_or_none()
    return None if row is None else ExternalRef(system=system, kind=row.kind, id=row.external_id)
