"""What the verifier says: findings, each with its place in the chain and the check that failed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from store.audit.chain import Head

FINDINGS_KEPT_MAX = 200
"""Of each chain; the rest is counted."""


class Check(StrEnum):
    """What did not hold."""

    ROW = "row"
    """The row's fields do not give the hash that was sealed: it was edited."""
    SEAL = "seal"
    """The seal was changed; the row is as the next seal knows it."""
    HASH = "hash"
    """Row and seal do not fit, and nothing tells which of them was changed."""
    DELETED = "deleted"
    """The seal is there, its row is not."""
    MISSING = "missing"
    """Numbers of the chain are not there: deleted, or the tail was cut."""
    ORDER = "order"
    """A number that was there before, or in the wrong place: inserted or reordered."""
    CHAIN = "chain"
    """A row or a checkpoint of another chain."""
    CHECKPOINT = "checkpoint"
    """A checkpoint is missing, or says another hash than the chain has."""
    SIGNATURE = "signature"
    """A checkpoint that is not signed with the key it names, or with one that is not known."""
    WITNESS = "witness"
    """The chain is not the one of an earlier export."""
    UNSEALED = "unsealed"
    """A row waits for its seal for too long."""
    FILE = "file"
    """The export is not as it was written."""


class Finding(NamedTuple):
    """One thing that does not hold."""

    chain: str
    number: int | None
    row_id: int | None
    check: Check
    message: str


class Findings:
    """Gathers findings of one chain, up to a limit."""

    def __init__(self, chain: str) -> None:
        self.chain = chain
        self.kept: list[Finding] = []
        self.left_out = 0

    def add(
        self, check: Check, message: str, *, number: int | None = None, row_id: int | None = None
    ) -> None:
        if len(self.kept) < FINDINGS_KEPT_MAX:
            self.kept.append(Finding(self.chain, number, row_id, check, message))
        else:
            self.left_out += 1


class Verdict(NamedTuple):
    """What a chain was found to be."""

    chain: str
    rows: int
    head: Head
    checkpoints: int
    signed_through: int
    """The last number that a proven checkpoint names."""
    signed_at: datetime | None
    unsealed: int
    oldest_unsealed: datetime | None
    slowest_seal_s: float
    """The longest that a row waited for its seal."""
    findings: tuple[Finding, ...]
    findings_left_out: int

    @property
    def is_whole(self) -> bool:
        return not self.findings
