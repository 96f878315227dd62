"""What arrives: notifications as they came, business events, and for whom they are."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from store.tables.base import DERIVED_ID, exact, external, metadata, moment, one_of, words

inbox = Table(
    "inbox",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    words("source", default=None),
    words("notification_id", default=None),
    # json and not jsonb: kept as it came, also where jsonb would refuse (a NUL in a text)
    Column("payload", JSON, nullable=False),
    moment("received_at"),
    words("state", default="new"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    moment("available_at", now=True),
    words("reason"),
    moment("handled_at", nullable=True),
    UniqueConstraint("source", "notification_id"),
    one_of("state", ("new", "done", "dead")),
    Index("inbox_new_idx", "id", postgresql_where=text("state = 'new'")),
    Index("inbox_dead_idx", "id", postgresql_where=text("state = 'dead'")),
)

process = Table(
    "process",
    metadata,
    Column("id", Text, primary_key=True, comment="the id of a durable workflow"),
    words("kind", default=None),
    words("state", default="open"),
    moment("opened_at", now=True),
    moment("closed_at", nullable=True),
    one_of("state", ("open", "closed")),
)

news_taking = Table(
    "news_taking",
    metadata,
    Column("process", Text, ForeignKey("process.id"), nullable=False),
    words("token", default=None),
    Column("number", BigInteger, Identity(always=True), nullable=False),
    moment("taken_at", now=True),
    PrimaryKeyConstraint("process", "token"),
)

business_event = Table(
    "business_event",
    metadata,
    Column("id", DERIVED_ID, primary_key=True),
    words("source", default=None),
    words("external_id", default=None),
    words("type", default=None),
    moment("occurred_at"),
    moment("received_at"),
    moment("recorded_at", now=True),
    words("state", default=None),
    *external("subject", nullable=True),
    Column("body", JSONB, nullable=False),
    UniqueConstraint("source", "external_id"),
    one_of("state", ("delivered", "waiting", "late", "ignored")),
    Index(
        "business_event_waiting_idx",
        "subject_system",
        "subject_kind",
        "subject_id",
        postgresql_where=text("state = 'waiting'"),
    ),
)

event_delivery = Table(
    "event_delivery",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("event_id", DERIVED_ID, ForeignKey("business_event.id"), nullable=False),
    Column("recipient", Text, ForeignKey("process.id"), nullable=False),
    Column("run", Integer, nullable=False, server_default=text("0")),
    moment("created_at", now=True),
    moment("nudged_at", nullable=True),
    moment("claimed_until", nullable=True),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("applied_by", Text, comment="the token of the taking that applied it"),
    moment("applied_at", nullable=True),
    ForeignKeyConstraint(["recipient", "applied_by"], ["news_taking.process", "news_taking.token"]),
    UniqueConstraint("event_id", "recipient"),
    Index(
        "event_delivery_unapplied_idx",
        "recipient",
        "id",
        postgresql_where=text("applied_by IS NULL"),
    ),
    Index("event_delivery_applied_idx", "recipient", "applied_by"),
    Index("event_delivery_unnudged_idx", "id", postgresql_where=text("nudged_at IS NULL")),
)

source_completion = Table(
    "source_completion",
    metadata,
    *external("project"),
    words("kind", default=None),
    moment("up_to"),
    Column("count", BigInteger, nullable=False),
    exact("quantity"),
    exact("cost"),
    moment("declared_at"),
    Column("event_id", DERIVED_ID, ForeignKey("business_event.id"), nullable=False),
    PrimaryKeyConstraint("project_system", "project_kind", "project_id", "kind", "up_to"),
    one_of("kind", ("time", "expense")),
)

feed_cursor = Table(
    "feed_cursor",
    metadata,
    Column("system", Text, primary_key=True),
    Column("feed", Text, primary_key=True),
    words("cursor", default=None),
    moment("moved_at", now=True),
)

period_lock = Table(
    "period_lock",
    metadata,
    Column("legal_entity", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    moment("locked_at"),
    Column("event_id", DERIVED_ID, ForeignKey("business_event.id"), nullable=False),
)
