"""The verifier: reads a chain once, in bounded memory, and names what was changed in it.

It needs neither the database nor a secret: entries come from anywhere, keys are the public ones.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from store.audit.chain import (
    AuditRow,
    Checkpoint,
    Entry,
    Head,
    Seal,
    Sealed,
    checkpoint_statement,
)
from store.audit.doubt import RowCheck
from store.audit.findings import Check, Findings, Verdict
from store.audit.keys import PublicKeys, Signature

PATIENCE = timedelta(minutes=15)
"""A row that waits longer for its seal is a finding; the sealer comes twice a minute."""


class Verifier:
    """Takes the entries of one chain in their order, then says what it found."""

    def __init__(
        self,
        chain: str,
        keys: PublicKeys,
        now: datetime,
        *,
        patience: timedelta = PATIENCE,
        witness: Checkpoint | None = None,
    ) -> None:
        """`witness` is a checkpoint from an earlier export, proven already."""
        self._chain, self._keys, self._now, self._patience = chain, keys, now, patience
        self._witness = witness
        self.findings = Findings(chain)
        self._row_check = RowCheck(self.findings)
        self._head = Head()
        self._head_row = 0
        self._rows = self._checkpoints = self._last_checkpoint = self._signed = 0
        self._signed_at: datetime | None = None
        self._unsealed = 0
        self._oldest: AuditRow | None = None
        self._slowest = timedelta(0)

    def take(self, entry: Entry) -> None:
        if isinstance(entry, Sealed):
            self._take_row(entry.seal, entry.row)
        elif isinstance(entry, Checkpoint):
            self._take_checkpoint(entry)
        else:
            self._take_unsealed(entry.row)

    def end(self) -> Verdict:
        """After the last entry."""
        self._row_check.settle()
        number = self._head.number
        if self._keys and self._signed < number:
            self.findings.add(
                Check.CHECKPOINT,
                f"no checkpoint vouches for {_rows(self._signed + 1, number)}: one is missing, or "
                "they were sealed without keys (then `c2c audit seal` signs them)",
                number=number,
            )
        if self._witness is not None and self._witness.number > number:
            self.findings.add(
                Check.WITNESS,
                f"an earlier export goes to row {self._witness.number}, the chain to row {number}: "
                "its tail was cut",
                number=number + 1,
            )
        self._look_at_unsealed()
        return self._verdict()

    # -- rows

    def _take_row(self, seal: Seal, row: AuditRow | None) -> None:
        self._rows += 1
        head = self._head
        if seal.chain != self._chain:
            self._at(Check.CHAIN, seal, f"its seal belongs to chain {seal.chain!r}")
        elif seal.number <= head.number:
            words = f"it comes after number {head.number} (row {self._head_row})"
            self._at(Check.ORDER, seal, f"{words}: inserted, repeated or out of order")
        else:
            is_next = seal.number == head.number + 1
            if not is_next:
                self._miss(seal.number - 1, "together with their seals")
            self._row_check.check(seal, row, head.hash if is_next else None)
            self._go_on(seal, row)

    def _go_on(self, seal: Seal, row: AuditRow | None) -> None:
        self._head, self._head_row = Head(seal.number, seal.hash), seal.event_id
        if row is not None:
            self._slowest = max(self._slowest, seal.sealed_at - row.at)
        witness = self._witness
        if witness is not None and witness.number == seal.number and witness.hash != seal.hash:
            words = "an earlier export has another hash here: the chain was written anew"
            self._at(Check.WITNESS, seal, words)

    def _miss(self, last: int, how: str) -> None:
        """Numbers up to `last` are not there; the row that follows them cannot be proven."""
        self._row_check.settle()
        first = self._head.number + 1
        words = f"missing: {_rows(first, last)}, deleted {how}"
        self.findings.add(Check.MISSING, words, number=first)

    def _at(self, check: Check, seal: Seal, message: str) -> None:
        self.findings.add(check, message, number=seal.number, row_id=seal.event_id)

    # -- checkpoints

    def _take_checkpoint(self, checkpoint: Checkpoint) -> None:
        self._checkpoints += 1
        if checkpoint.chain != self._chain:
            words = f"a checkpoint of chain {checkpoint.chain!r} stands here"
            self.findings.add(Check.CHAIN, words, number=checkpoint.number)
            return
        doubt = doubt_of(checkpoint, self._keys) if self._keys else ""
        if doubt:
            self.findings.add(Check.SIGNATURE, doubt, number=checkpoint.number)
            return
        self._check_order(checkpoint)
        if checkpoint.number >= self._head.number:
            self._check_hash(checkpoint)
        self._last_checkpoint = max(checkpoint.number, self._last_checkpoint)

    def _check_order(self, checkpoint: Checkpoint) -> None:
        number, before = checkpoint.number, self._last_checkpoint
        if checkpoint.previous != before:
            words = f"it follows the checkpoint at row {checkpoint.previous}, not that at {before}"
            self.findings.add(Check.CHECKPOINT, f"{words}: one is missing", number=number)
        if number < self._head.number:
            words = f"a checkpoint for row {number} comes after row {self._head.number}"
            self.findings.add(Check.ORDER, words, number=number)

    def _check_hash(self, checkpoint: Checkpoint) -> None:
        number = checkpoint.number
        if number > self._head.number:
            self._miss(number, f"after they were signed on {checkpoint.at:%Y-%m-%d %H:%M} UTC")
        elif not self._row_check.vouched(self._head.hash, checkpoint.hash):
            self.findings.add(
                Check.CHECKPOINT,
                f"the hash at row {number} is not the signed one: something in "
                f"{_rows(self._signed + 1, number)} was written anew",
                number=number,
            )
        self._head = Head(number, checkpoint.hash)
        if self._keys:
            self._signed, self._signed_at = number, checkpoint.at

    # -- rows that wait

    def _take_unsealed(self, row: AuditRow) -> None:
        self._unsealed += 1
        if self._oldest is None or row.at < self._oldest.at:
            self._oldest = row

    def _look_at_unsealed(self) -> None:
        oldest = self._oldest
        if oldest is not None and self._now - oldest.at > self._patience:
            self.findings.add(
                Check.UNSEALED,
                f"{self._unsealed} rows wait for their seal, the oldest since "
                f"{oldest.at:%Y-%m-%d %H:%M} UTC: the sealer stands, or a row was put in by hand",
                row_id=oldest.id,
            )

    def _verdict(self) -> Verdict:
        return Verdict(
            chain=self._chain,
            rows=self._rows,
            head=self._head,
            checkpoints=self._checkpoints,
            signed_through=self._signed,
            signed_at=self._signed_at,
            unsealed=self._unsealed,
            oldest_unsealed=self._oldest.at if self._oldest else None,
            slowest_seal_s=self._slowest.total_seconds(),
            findings=tuple(self.findings.kept),
            findings_left_out=self.findings.left_out,
        )


def doubt_of(checkpoint: Checkpoint, keys: PublicKeys) -> str:
    """Why a checkpoint's signature proves nothing, or an empty text."""
    key_id = checkpoint.key_id
    if not keys.knows(key_id):
        return (
            f"the checkpoint is signed with key {key_id!r}, which is not known: give it in "
            "C2C_AUDIT_KEYS or with --public-key"
        )
    if not keys.proves(Signature(key_id, checkpoint.signature), checkpoint_statement(checkpoint)):
        return f"the checkpoint was changed, or was never signed with key {key_id!r}"
    return ""


def _rows(first: int, last: int) -> str:
    return f"row {first}" if first == last else f"rows {first} to {last}"
