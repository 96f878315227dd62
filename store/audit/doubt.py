"""Whether a row fits its seal; and if it does not, which of the two was changed.

One hash cannot tell that, but the next one can: it was made over the hash that the seal had.
"""

from __future__ import annotations

from typing import NamedTuple

from store.audit.chain import AuditRow, Seal, chain_of, seal_hash
from store.audit.findings import Check, Findings


class _Doubt(NamedTuple):
    """A row whose fields do not give its hash."""

    seal: Seal
    computed: bytes


class RowCheck:
    """Checks the rows of one chain in their order; a doubt is settled by what follows."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._doubt: _Doubt | None = None

    def check(self, seal: Seal, row: AuditRow | None, previous: bytes | None) -> None:
        """`previous` is the hash before it; None when that is gone, and with it the proof."""
        if row is None:
            self.settle()
            self._at(Check.DELETED, seal, f"row {seal.event_id} was deleted; its seal is there")
        elif row.id != seal.event_id:
            self.settle()
            self._at(Check.SEAL, seal, f"its seal is for row {seal.event_id}, not {row.id}")
        elif previous is not None:
            self._check_hash(seal, row, previous)

    def _check_hash(self, seal: Seal, row: AuditRow, previous: bytes) -> None:
        computed = _computed(seal, row, previous)
        doubt, self._doubt = self._doubt, None
        if doubt is not None:
            computed = self._settle_by_next(doubt, seal, row, computed)
        if computed != seal.hash:
            self._doubt = _Doubt(seal, computed)
        elif chain_of(row.legal_entity) != seal.chain:
            self._at(Check.CHAIN, seal, f"the row belongs to {row.legal_entity!r}")

    def _settle_by_next(self, doubt: _Doubt, seal: Seal, row: AuditRow, computed: bytes) -> bytes:
        """Returns what the next row's hash is, by the hash before it that holds."""
        if computed == seal.hash:
            self._edited(doubt)
            return computed
        by_computed = _computed(seal, row, doubt.computed)
        if by_computed == seal.hash:
            self._forged(doubt)
            return by_computed
        self._undecided(doubt)
        return computed

    def vouched(self, found: bytes, signed: bytes) -> bool:
        """A checkpoint names the last row's hash: whether the chain's is that, or what is not is
        told here."""
        doubt, self._doubt = self._doubt, None
        if doubt is None:
            return found == signed
        if signed == doubt.seal.hash:
            self._edited(doubt)
        elif signed == doubt.computed:
            self._forged(doubt)
        else:
            self._undecided(doubt)
        return True

    def settle(self) -> None:
        """Nothing that follows can tell."""
        if self._doubt is not None:
            self._undecided(self._doubt)
            self._doubt = None

    def _edited(self, doubt: _Doubt) -> None:
        row = doubt.seal.event_id
        self._at(Check.ROW, doubt.seal, f"row {row} was edited: its fields do not give its hash")

    def _forged(self, doubt: _Doubt) -> None:
        self._at(Check.SEAL, doubt.seal, "its seal was changed (hash or moment), not the row")

    def _undecided(self, doubt: _Doubt) -> None:
        row = doubt.seal.event_id
        words = f"row {row} and its seal do not fit: one was edited, inserted or moved"
        self._at(Check.HASH, doubt.seal, words)

    def _at(self, check: Check, seal: Seal, message: str) -> None:
        self._findings.add(check, message, number=seal.number, row_id=seal.event_id)


def _computed(seal: Seal, row: AuditRow, previous: bytes) -> bytes:
    return seal_hash(previous, seal.chain, seal.number, seal.sealed_at, row)
