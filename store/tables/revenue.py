"""Entries of revenue: sealed once, and how the ERP booked them."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

from store.tables.base import external, metadata, moment, words

revenue_close = Table(
    "revenue_close",
    metadata,
    words("key", default=None),
    words("legal_entity", default=None),
    words("period", default=None),
    Column("number", Integer, nullable=False, comment="of the period's entries, from 1"),
    Column("post_on", Date, nullable=False),
    Column("body", JSONB, nullable=False, comment="the entry; never changed"),
    moment("sealed_at", now=True),
    PrimaryKeyConstraint("key"),
    UniqueConstraint("legal_entity", "period", "number"),
    CheckConstraint("number > 0", name="number"),
)

revenue_posting = Table(
    "revenue_posting",
    metadata,
    Column("key", ForeignKey("revenue_close.key"), nullable=False),
    *external("reference"),
    words("number", default=None),
    Column("body", JSONB, nullable=False, comment="what the ERP booked, read back"),
    moment("recorded_at", now=True),
    PrimaryKeyConstraint("key"),
    UniqueConstraint(
        "reference_system",
        "reference_kind",
        "reference_id",
        name="revenue_posting_reference_key",
    ),
    CheckConstraint("number <> ''", name="number"),
)
