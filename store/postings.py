"""Postings: how far a write to an outside system is proven, by compare-and-set."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.errors import RecordExists, RuleViolation
from canonical.ids import ExternalRef
from canonical.records import Posting
from canonical.transitions import POSTING, PostingState, advance
from store import references, trail
from store.engine import constraint_of
from store.tables import posting

ONE_KEY_PER_RECORD: Final = "posting_reference_key"

_ADVANCE: Final = """
UPDATE posting SET state = :after, changed_at = now(),
    attempts = attempts + CASE WHEN :after = 'sent' AND :before <> 'sent' THEN 1 ELSE 0 END
WHERE key = :key AND state = :before
"""

_BIND: Final = """
UPDATE posting SET state = 'adopted', changed_at = now(), reference_system = :reference_system,
    reference_kind = :reference_kind, reference_id = :reference_id
WHERE key = :key
"""


async def open_posting(connection: AsyncConnection, key: str, system: str) -> Posting:
    """Raises RuleViolation when the key belongs to a write to another system."""
    await connection.execute(
        insert(posting).values(key=key, system=system).on_conflict_do_nothing()
    )
    found = await connection.execute(select(posting).where(posting.c.key == key))
    row = found.mappings().one()
    if row["system"] != system:
        raise RuleViolation(
            f"posting {key} goes to {row['system']}, not to {system}; "
            "give the write to another system a key of its own"
        )
    return Posting(
        key=key,
        state=PostingState(row["state"]),
        reference=references.read("reference", row),
        attempts=row["attempts"],
    )


async def advance_posting(
    connection: AsyncConnection, key: str, before: PostingState, after: PostingState
) -> bool:
    """False when the posting is not (or no longer) in `before`. Raises TransitionForbidden."""
    advance("posting", POSTING, before, after)
    moved = await connection.execute(
        text(_ADVANCE), {"key": key, "before": before.value, "after": after.value}
    )
    return moved.rowcount == 1


async def bind(connection: AsyncConnection, key: str, reference: ExternalRef) -> ExternalRef:
    """The first reference wins and is returned to everybody.

    Raises RecordExists when the record is bound to another key, RuleViolation for an unknown key.
    """
    found = await connection.execute(select(posting).where(posting.c.key == key).with_for_update())
    row = found.mappings().one_or_none()
    if row is None:
        raise RuleViolation(f"posting {key} was never opened; open it before the write")
    bound = references.read("reference", row)
    if bound is not None:
        return bound
    advance("posting", POSTING, PostingState(row["state"]), PostingState.ADOPTED)
    try:
        await connection.execute(
            text(_BIND), {"key": key, **references.columns("reference", reference)}
        )
    except IntegrityError as error:
        if constraint_of(error) != ONE_KEY_PER_RECORD:
            raise
        raise RecordExists(
            reference.system,
            f"{reference} is bound to another key than {key}; find out which one it belongs to",
            reference=reference.id,
        ) from error
    return reference


async def confirm(
    connection: AsyncConnection, process: str, reference: ExternalRef, legal_entity: str
) -> None:
    """The posting that is bound to a record is proven."""
    confirmed = await connection.execute(
        text(
            "UPDATE posting SET state = 'confirmed', changed_at = now()"
            " WHERE reference_system = :reference_system AND reference_kind = :reference_kind"
            " AND reference_id = :reference_id AND state <> 'confirmed' RETURNING key"
        ),
        references.columns("reference", reference),
    )
    for row in confirmed:
        await trail.note(
            connection,
            process,
            "posting.confirmed",
            legal_entity=legal_entity,
            key=row.key,
            reference=str(reference),
        )
