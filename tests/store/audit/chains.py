"""Chains made in memory, as the sealer makes them: rows, batches, signed checkpoints."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from runtime.settings import AuditKey
from store.audit.chain import (
    AuditRow,
    Checkpoint,
    Entry,
    Head,
    Sealed,
    chained,
    checkpoint_statement,
)
from store.audit.findings import Check, Verdict
from store.audit.keys import KeyRing, PublicKeys
from store.audit.verifier import Verifier

CHAIN = "NORTH-DE"
BEGAN = datetime(2026, 11, 2, 8, tzinfo=UTC)
NOW = BEGAN + timedelta(days=1)


def audit_key(key_id: str = "first", fill: int = 7) -> AuditKey:
    return AuditKey.parse(f"{key_id}:{base64.b64encode(bytes([fill]) * 32).decode()}")


RING = KeyRing([audit_key()])
KEYS = RING.public()


def make_row(number: int = 1) -> AuditRow:
    return AuditRow(
        id=100 + number,
        at=BEGAN + timedelta(seconds=number),
        process=f"invoice/{number % 3}",
        action="posting.confirmed",
        actor="client-to-cash",
        legal_entity=CHAIN,
        detail={"key": f"invoice-{number}", "reference": "tryton/account.invoice/71"},
        personal={},
    )


def make_chain(
    rows: int | Sequence[AuditRow] = 20, batch: int = 5, ring: KeyRing = RING
) -> list[Entry]:
    """Sealed in batches, each with its checkpoint."""
    found = [make_row(each) for each in range(1, rows + 1)] if isinstance(rows, int) else rows
    entries: list[Entry] = []
    head, before = Head(), 0
    for first in range(0, len(found), batch):
        taken = found[first : first + batch]
        at = taken[-1].at + timedelta(seconds=20)
        seals = list(chained(CHAIN, head, taken, at))
        entries += [Sealed(seal, row) for seal, row in zip(seals, taken, strict=True)]
        head = Head(seals[-1].number, seals[-1].hash)
        entries.append(signed(Checkpoint(CHAIN, *head, before, at, ring.current, b""), ring))
        before = head.number
    return entries


def signed(checkpoint: Checkpoint, ring: KeyRing = RING) -> Checkpoint:
    named = checkpoint._replace(key_id=ring.current, signature=b"")
    return named._replace(signature=ring.sign(checkpoint_statement(named)).value)


def verify(
    entries: Iterable[Entry], keys: PublicKeys = KEYS, witness: Checkpoint | None = None
) -> Verdict:
    verifier = Verifier(CHAIN, keys, NOW, witness=witness)
    for entry in entries:
        verifier.take(entry)
    return verifier.end()


def found_in(verdict: Verdict) -> list[tuple[Check, int | None]]:
    """What was found, and at which number."""
    return [(each.check, each.number) for each in verdict.findings]
