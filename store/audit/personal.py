"""What is personal in a row of the trail: encrypted when it is written, read back for people."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from sqlalchemy.ext.asyncio import AsyncConnection

from store.audit.chain import AuditRow, canonical
from store.audit.keys import decrypt, encrypt, ring_of
from store.audit.subjects import SUBJECT, Subject, secrets_of, subject_of

SYSTEM_ACTOR: Final = "client-to-cash"
"""The actor of what the product does by itself."""
NOBODY: Final = frozenset({"", SYSTEM_ACTOR, "unknown"})
"""Actors that are no person."""

NAMES: Final = frozenset(
    {"approved_by", "approver", "assignee", "by", "delegate", "delegated_by", "email", "person"}
    | {"person_name", "requested_by", "second_person"}
)
"""Details that name a person: kept under that person's key."""
WORDS: Final = frozenset({"comment", "detail", "note", "reason", "resolution"})
"""Details that the actor wrote: kept under the actor's key."""

ACTOR: Final = "actor"
FORGOTTEN: Final = "(forgotten)"
UNREADABLE: Final = "(unreadable)"


class Protected(NamedTuple):
    """A row's fields as they are stored."""

    actor: str
    detail: Mapping[str, str]
    personal: Mapping[str, str]


async def protect(
    connection: AsyncConnection, process: str, action: str, actor: str, detail: Mapping[str, str]
) -> Protected:
    """Encrypt what is personal, each value with its person's key. Without audit keys everything
    stays as it is. Raises AuditKeyMissing."""
    ring = ring_of(connection)
    owners = _owners(actor, detail)
    if ring is None or not owners:
        return Protected(actor, dict(detail), {})
    # in one order, so that two rows that make two keys do not wait for each other
    subjects = {
        person: await subject_of(connection, ring, person)
        for person in sorted(set(owners.values()))
    }
    values = {ACTOR: actor, **{f"detail.{field}": value for field, value in detail.items()}}
    shown = {field: subjects[owner].name for field, owner in owners.items()}
    return Protected(
        actor=shown.get(ACTOR, actor),
        detail={field: shown.get(f"detail.{field}", value) for field, value in detail.items()},
        personal={
            field: _encrypted(subjects[owner], values[field], process, action, field)
            for field, owner in owners.items()
        },
    )


def _owners(actor: str, detail: Mapping[str, str]) -> dict[str, str]:
    """Whose each personal value is, by field. The actor's own words are nobody's when the actor is
    no person."""
    owners = {} if actor in NOBODY else {ACTOR: actor}
    for field, value in detail.items():
        if field in NAMES and value not in NOBODY:
            owners[f"detail.{field}"] = value
        elif field in WORDS and value and ACTOR in owners:
            owners[f"detail.{field}"] = actor
    return owners


def _encrypted(subject: Subject, value: str, process: str, action: str, field: str) -> str:
    sealed = encrypt(subject.secret, value.encode(), canonical([process, action, field]))
    return base64.b64encode(sealed).decode()


async def revealed(connection: AsyncConnection, rows: Sequence[AuditRow]) -> list[AuditRow]:
    """Rows as people read them. What a forgotten person said or did says so; without audit keys
    the subject stands for the value. Raises AuditKeyMissing."""
    ring = ring_of(connection)
    if ring is None:
        return list(rows)
    subjects = {_value(row, field) for row in rows for field in row.personal}
    named = [each for each in subjects if SUBJECT.fullmatch(each)]
    secrets = await secrets_of(connection, ring, named) if named else {}
    return [_revealed(row, secrets) for row in rows]


def _value(row: AuditRow, field: str) -> str:
    return row.actor if field == ACTOR else row.detail.get(field.removeprefix("detail."), "")


def _revealed(row: AuditRow, secrets: Mapping[str, bytes | None]) -> AuditRow:
    plain = {field: _plain(row, field, secrets) for field in row.personal}
    detail = {field: plain.get(f"detail.{field}", value) for field, value in row.detail.items()}
    return row._replace(actor=plain.get(ACTOR, row.actor), detail=detail)


def _plain(row: AuditRow, field: str, secrets: Mapping[str, bytes | None]) -> str:
    subject = _value(row, field)
    if subject not in secrets:
        return UNREADABLE
    secret = secrets[subject]
    if secret is None:
        return FORGOTTEN
    try:
        sealed = base64.b64decode(row.personal[field], validate=True)
        return decrypt(secret, sealed, canonical([row.process, row.action, field])).decode()
    except (binascii.Error, InvalidTag, ValueError):
        return UNREADABLE  # a row that was tampered with; `c2c audit verify` names it
