"""Work items, and per item how much is approved, billed and credited."""

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
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from store.tables.base import DERIVED_ID, exact, external, metadata, moment, one_of, words

work_item = Table(
    "work_item",
    metadata,
    Column("id", DERIVED_ID, primary_key=True),
    words("source", default=None),
    words("kind", default=None),
    words("external_id", default=None),
    moment("version"),
    Column("revision", Integer, nullable=False, comment="counts changes of content"),
    *external("project"),
    Column("work_date", Date, nullable=False),
    Column("approved", Boolean, nullable=False),
    moment("approved_at", nullable=True),
    exact("quantity"),
    exact("approved_quantity"),
    exact("cost", default="0"),
    Column("currency", Text),
    Column("body", JSONB, nullable=False),
    moment("stored_at", now=True),
    UniqueConstraint("source", "kind", "external_id"),
    one_of("kind", ("time", "expense")),
    CheckConstraint(
        "approved_quantity >= 0 AND approved_quantity <= quantity", name="approved_quantity"
    ),
    Index("work_item_project_idx", "project_system", "project_kind", "project_id", "id"),
)

work_item_balance = Table(
    "work_item_balance",
    metadata,
    Column("item_id", DERIVED_ID, ForeignKey("work_item.id"), primary_key=True),
    exact("approved"),
    exact("billed", default="0"),
    exact("credited", default="0"),
    Column(
        "recall_pending",
        exact("recall_pending").type,
        nullable=False,
        server_default=text("0"),
        comment="billed, but no longer approved: waits for its credit",
    ),
    CheckConstraint(
        "credited >= 0 AND billed >= credited AND billed - credited <= approved",
        name="conservation",
    ),
    CheckConstraint("recall_pending >= 0 AND recall_pending <= approved", name="recall_pending"),
)

credit_proposal = Table(
    "credit_proposal",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("item_id", DERIVED_ID, ForeignKey("work_item.id"), nullable=False),
    exact("quantity"),
    words("reason", default=None),
    words("state", default="open"),
    moment("proposed_at", now=True),
    moment("closed_at", nullable=True),
    one_of("state", ("open", "withdrawn", "credited")),
    CheckConstraint("quantity > 0", name="quantity"),
    Index(
        "credit_proposal_open_idx", "item_id", unique=True, postgresql_where=text("state = 'open'")
    ),
)
