"""What keeps the outside and people in order: postings, payments, cases, the trail, leases, and
whose database it is."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from canonical.case import CaseState
from canonical.errors import Role
from canonical.transitions import PostingState
from store.tables.base import DERIVED_ID, exact, external, metadata, moment, one_of, words


def _texts(column: str) -> CheckConstraint:
    """A check that a JSON column holds an object of texts."""
    return CheckConstraint(
        f"jsonb_typeof({column}) = 'object'"
        f""" AND NOT jsonb_path_exists({column}, '$.* ? (@.type() <> "string")')""",
        name=column,
    )


posting = Table(
    "posting",
    metadata,
    Column("key", Text, primary_key=True),
    words("system", default=None),
    words("state", default=PostingState.PREPARED.value),
    *external("reference", nullable=True),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    moment("prepared_at", now=True),
    moment("changed_at", now=True),
    one_of("state", PostingState),
    # exactly one of our keys per vendor record
    UniqueConstraint(
        "reference_system", "reference_kind", "reference_id", name="posting_reference_key"
    ),
)

payment = Table(
    "payment",
    metadata,
    Column("id", DERIVED_ID, primary_key=True),
    *external("reference"),
    *external("invoice"),
    Column("our_invoice", DERIVED_ID, ForeignKey("invoice.id")),
    exact("amount"),
    words("currency", default=None),
    Column("paid_on", Date, nullable=False),
    words("bank_reference"),
    moment("seen_at", now=True),
    UniqueConstraint("reference_system", "reference_kind", "reference_id"),
    Index("payment_invoice_idx", "invoice_system", "invoice_kind", "invoice_id"),
    Index("payment_our_invoice_idx", "our_invoice"),
)

exception_case = Table(
    "exception_case",
    metadata,
    Column("id", DERIVED_ID, primary_key=True),
    words("process", default=None),
    words("cause", default=None),
    words("subject", default=None),
    words("owner", default=None),
    words("message", default=None),
    words("next_step", default=None),
    words("legal_entity"),
    exact("amount", nullable=True),
    Column("currency", Text),
    words("state", default=CaseState.OPEN.value),
    Column("occurrences", Integer, nullable=False, server_default=text("1")),
    moment("opened_at"),
    moment("last_seen_at", now=True),
    moment("resolved_at", nullable=True),
    words("resolution"),
    one_of("state", CaseState),
    one_of("owner", Role),
    Index("exception_case_open_idx", "process", postgresql_where=text("state = 'open'")),
)

audit_event = Table(
    "audit_event",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    moment("at", now=True),
    words("process", default=None),
    words("action", default=None),
    words("actor", default=None),
    words("legal_entity"),
    Column("detail", JSONB, nullable=False),
    Column(
        "personal",
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="ciphertexts by field; in the field's place is whose key it is",
    ),
    # texts only: they have one form, so that a row has one hash
    _texts("detail"),
    _texts("personal"),
    Index("audit_event_process_idx", "process", "id"),
)

lease_fence = Sequence("lease_fence", metadata=metadata)
"""Fencing numbers: a later holder's is greater, in every lane."""

lease = Table(
    "lease",
    metadata,
    Column("lane", Text, nullable=False),
    Column("holder", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    moment("expires_at"),
    PrimaryKeyConstraint("lane", "holder"),
)

database_environment = Table(
    "database_environment",
    metadata,
    # true and nothing else, as the primary key: one row at most
    Column("only", Boolean, primary_key=True, server_default=text("true")),
    words("name", default=None),
    moment("claimed_at", now=True),
    CheckConstraint("only", name="only"),
)
"""The environment that the database belongs to."""
