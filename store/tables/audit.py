"""The chained audit trail: seals and signed checkpoints over `audit_event`, and keys of people."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

from store.tables.base import DERIVED_ID, metadata, moment, words

audit_pending = Table(
    "audit_pending",
    metadata,
    words("chain", default=None),
    Column("event_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("chain", "event_id"),
)
"""Rows that wait for their seal; the database adds each row in the transaction that writes it."""

audit_seal = Table(
    "audit_seal",
    metadata,
    words("chain", default=None),
    Column("number", BigInteger, nullable=False, comment="of the chain's rows, from 1"),
    Column("event_id", BigInteger, ForeignKey("audit_event.id"), nullable=False),
    Column("hash", LargeBinary, nullable=False, comment="over the hash before it and the row"),
    moment("sealed_at"),
    PrimaryKeyConstraint("chain", "number"),
    UniqueConstraint("event_id"),
    CheckConstraint("number >= 1", name="number"),
    CheckConstraint("octet_length(hash) = 32", name="hash"),
)

audit_checkpoint = Table(
    "audit_checkpoint",
    metadata,
    words("chain", default=None),
    Column("number", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column(
        "previous",
        BigInteger,
        nullable=False,
        comment="the number of the checkpoint before it, or 0",
    ),
    moment("at"),
    words("key_id", default=None),
    Column("signature", LargeBinary, nullable=False),
    PrimaryKeyConstraint("chain", "number"),
    ForeignKeyConstraint(["chain", "number"], ["audit_seal.chain", "audit_seal.number"]),
    CheckConstraint("previous >= 0 AND previous < number", name="previous"),
    CheckConstraint("octet_length(hash) = 32", name="hash"),
)

subject_key = Table(
    "subject_key",
    metadata,
    Column("id", DERIVED_ID, primary_key=True, comment="random: it says nothing of the person"),
    Column("lookup", LargeBinary, comment="a keyed hash of the person's name"),
    words("key_id", default=None),
    Column("wrapped", LargeBinary, comment="the person's key, encrypted with the audit key"),
    moment("made_at", now=True),
    moment("forgotten_at", nullable=True),
    UniqueConstraint("lookup"),
    CheckConstraint(
        "num_nulls(lookup, wrapped) = CASE WHEN forgotten_at IS NULL THEN 0 ELSE 2 END",
        name="forgotten",
    ),
)
