"""Keys of people: one per person, wrapped by the audit key, erased when the person is forgotten."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from uuid import uuid4

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.errors import SystemUnavailable
from store.audit.keys import SECRET_BYTES, KeyRing, Wrapped
from store.tables import subject_key

PREFIX: Final = "person/"
"""How a subject is written in the place of a value that its key protects."""
SUBJECT: Final = re.compile(PREFIX + r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TRIES: Final = 5


class Subject(NamedTuple):
    """A person's key, with the name under which values refer to it: `person/<id>`."""

    name: str
    secret: bytes


# Shared, so that forgetting the person waits for the rows that are being written.
_FIND: Final = text(
    "SELECT id, key_id, wrapped FROM subject_key WHERE lookup = ANY(CAST(:lookups AS bytea[]))"
    " ORDER BY made_at, id LIMIT 1 FOR SHARE"
)


async def subject_of(connection: AsyncConnection, ring: KeyRing, person: str) -> Subject:
    """The key of a person, made when there is none. Raises AuditKeyMissing."""
    lookups = ring.lookups(person)
    for _ in range(_TRIES):
        found = (await connection.execute(_FIND, {"lookups": lookups})).one_or_none()
        if found is not None:
            name = f"{PREFIX}{found.id}"
            return Subject(name, ring.unwrap(Wrapped(found.key_id, found.wrapped), name))
        await _make(connection, ring, lookups[0])
    raise SystemUnavailable("store", "a person's key was made and forgotten at the same time")


async def _make(connection: AsyncConnection, ring: KeyRing, lookup: bytes) -> None:
    """Of two that make it at once, one waits for the other and leaves it to it."""
    identity = str(uuid4())
    wrapped = ring.wrap(os.urandom(SECRET_BYTES), f"{PREFIX}{identity}")
    row = {"id": identity, "lookup": lookup, "key_id": wrapped.key_id, "wrapped": wrapped.value}
    await connection.execute(insert(subject_key).values(row).on_conflict_do_nothing())


async def secrets_of(
    connection: AsyncConnection, ring: KeyRing, subjects: Iterable[str]
) -> Mapping[str, bytes | None]:
    """The keys of subjects by name; None for those that were forgotten. Raises AuditKeyMissing."""
    ids = {each.removeprefix(PREFIX) for each in subjects}
    columns = subject_key.c
    query = select(columns.id, columns.key_id, columns.wrapped).where(columns.id.in_(ids))
    found: dict[str, bytes | None] = {}
    for row in await connection.execute(query):
        name = f"{PREFIX}{row.id}"
        is_kept = row.wrapped is not None
        found[name] = ring.unwrap(Wrapped(row.key_id, row.wrapped), name) if is_kept else None
    return found


async def erase(connection: AsyncConnection, ring: KeyRing, person: str) -> list[str]:
    """Erase every key of a person; returns the subjects whose values nobody can read any more."""
    erased = await connection.execute(
        text(
            "UPDATE subject_key SET lookup = NULL, wrapped = NULL, forgotten_at = now()"
            " WHERE lookup = ANY(CAST(:lookups AS bytea[])) RETURNING id"
        ),
        {"lookups": ring.lookups(person)},
    )
    return [f"{PREFIX}{row.id}" for row in erased]
