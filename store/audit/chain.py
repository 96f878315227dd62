"""The chain: rows of the trail in their canonical form, numbered, each hash over the one before it.

Pure: the sealer, the verifier and an auditor's own program compute the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

PLATFORM: Final = "platform"
"""The chain of rows that belong to no legal entity; codes of entities are in capitals."""
GENESIS: Final = bytes(32)
"""What stands for the hash before the first row of a chain."""

_SEAL: Final = "client-to-cash audit seal 1"
_CHECKPOINT: Final = "client-to-cash audit checkpoint 1"


class AuditRow(NamedTuple):
    """A row of the trail, as it is stored: personal values encrypted."""

    id: int
    at: datetime
    process: str
    action: str
    actor: str
    legal_entity: str
    detail: Mapping[str, str]
    personal: Mapping[str, str]
    """Field -> ciphertext; in the field's own place is the id of the key's subject."""


class Seal(NamedTuple):
    """A row's place in its chain."""

    chain: str
    number: int
    event_id: int
    hash: bytes
    sealed_at: datetime


class Sealed(NamedTuple):
    """A seal with its row; None when the row is gone."""

    seal: Seal
    row: AuditRow | None


class Unsealed(NamedTuple):
    """A row that waits for its seal."""

    row: AuditRow


class Checkpoint(NamedTuple):
    """A signed statement: the chain had this hash at this number."""

    chain: str
    number: int
    hash: bytes
    previous: int
    """The number of the checkpoint before it, or 0: so that a missing one is seen."""
    at: datetime
    key_id: str
    signature: bytes


Entry = Sealed | Checkpoint | Unsealed
"""What a chain is read as: rows by number, each checkpoint after its row, then unsealed rows."""


class Head(NamedTuple):
    """Where a chain ends."""

    number: int = 0
    hash: bytes = GENESIS


def chain_of(legal_entity: str) -> str:
    """The chain of a row's legal entity. The database's trigger says the same."""
    return legal_entity or PLATFORM


def seal_hash(
    previous: bytes, chain: str, number: int, sealed_at: datetime, row: AuditRow
) -> bytes:
    """SHA-256 over the hash before it and the canonical form of number, moment and all fields."""
    fields = row._asdict() | {"at": moment(row.at)}
    sealed = {"chain": chain, "number": number, "sealed_at": moment(sealed_at), "row": fields}
    return hashlib.sha256(previous + canonical({"statement": _SEAL, **sealed})).digest()


def chained(
    chain: str, head: Head, rows: Iterable[AuditRow], sealed_at: datetime
) -> Iterator[Seal]:
    """The seals of rows that follow a head, in their order."""
    for row in rows:
        number = head.number + 1
        head = Head(number, seal_hash(head.hash, chain, number, sealed_at, row))
        yield Seal(chain, number, row.id, head.hash, sealed_at)


def checkpoint_statement(checkpoint: Checkpoint) -> bytes:
    """What the signature of a checkpoint is over."""
    return canonical(
        {
            "statement": _CHECKPOINT,
            "chain": checkpoint.chain,
            "number": checkpoint.number,
            "hash": checkpoint.hash.hex(),
            "previous": checkpoint.previous,
            "at": moment(checkpoint.at),
            "key_id": checkpoint.key_id,
        }
    )


def canonical(value: Mapping[str, object] | list[str]) -> bytes:
    """JSON in one form only: keys sorted by code point, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def moment(at: datetime) -> str:
    """UTC, to the microsecond, which is what the database keeps."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
