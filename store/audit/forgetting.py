"""Forgetting a person: their keys are erased, so that nobody reads what the trail says of them.

The rows stay as they are, and so does the chain over them, because it is over the ciphertext.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.errors import SetupInvalid
from store import trail
from store.audit.keys import ring_of
from store.audit.subjects import erase
from store.engine import transaction
from store.tables import audit_event

PROCESS = "audit"


class Forgotten(NamedTuple):
    keys: int
    in_clear: int
    """Rows from before there were audit keys, which name the person and cannot be changed."""


async def forget(engine: AsyncEngine, person: str, by: str, reason: str) -> Forgotten:
    """Erase a person's keys, and keep in the trail who ordered it. Raises SetupInvalid without
    audit keys."""
    async with transaction(engine) as connection:
        ring = ring_of(connection)
        if ring is None:
            raise SetupInvalid("C2C_AUDIT_KEYS is not set: no person has a key to be erased")
        subjects = await erase(connection, ring, person)
        for subject in subjects:
            await trail.note(
                connection, PROCESS, "subject.forgotten", actor=by, subject=subject, reason=reason
            )
        in_clear = select(func.count()).where(audit_event.c.actor == person)
        return Forgotten(len(subjects), int(await connection.scalar(in_clear) or 0))
