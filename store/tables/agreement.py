"""What was agreed: engagements, clients, projects, contract versions, and links to outside."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from canonical.transitions import EngagementStage
from store.tables.base import DERIVED_ID, external, metadata, moment, one_of, words

identity_link = Table(
    "identity_link",
    metadata,
    Column("system", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    words("noun", default=None),
    words("noun_id", default=None),
    moment("linked_at", now=True),
    PrimaryKeyConstraint("system", "kind", "external_id"),
    Index("identity_link_noun_idx", "noun_id", "system"),
)

client = Table(
    "client",
    metadata,
    Column("id", DERIVED_ID, primary_key=True),
    words("code", default=None),
    words("name", default=None),
    words("name_folded", default=None),
    words("vat_id"),
    Column("body", JSONB, nullable=False),
    moment("updated_at", now=True),
    UniqueConstraint("code"),
    Index("client_name_folded_idx", "name_folded"),
    Index("client_vat_id_idx", "vat_id", postgresql_where=text("vat_id <> ''")),
)

engagement = Table(
    "engagement",
    metadata,
    Column("id", Text, primary_key=True),
    *external("deal"),
    words("stage", default=EngagementStage.RECEIVED.value),
    words("legal_entity"),
    words("project_code"),
    words("client_name"),
    Column("deal", JSONB, comment="the deal as last read"),
    Column("report", JSONB, comment="its validation report"),
    Column("status_version", BigInteger, nullable=False, server_default=text("0")),
    moment("created_at", now=True),
    moment("updated_at", now=True),
    UniqueConstraint("deal_system", "deal_kind", "deal_id"),
    one_of("stage", EngagementStage),
    Index("engagement_entity_idx", "legal_entity", "stage"),
)

project = Table(
    "project",
    metadata,
    Column("id", DERIVED_ID, primary_key=True),
    Column("engagement_id", Text, ForeignKey("engagement.id"), nullable=False, unique=True),
    Column("client_id", DERIVED_ID, ForeignKey("client.id"), nullable=False),
    words("legal_entity", default=None),
    words("code", default=None),
    Column("body", JSONB, nullable=False),
    moment("created_at", now=True),
    UniqueConstraint("legal_entity", "code"),
)

contract_version = Table(
    "contract_version",
    metadata,
    Column("contract_id", DERIVED_ID, nullable=False),
    Column("version", Integer, nullable=False),
    Column("engagement_id", Text, ForeignKey("engagement.id"), nullable=False),
    Column("effective_from", Date, nullable=False),
    Column("body", JSONB, nullable=False),
    moment("agreed_at", now=True),
    PrimaryKeyConstraint("contract_id", "version"),
    UniqueConstraint("engagement_id", "contract_id", "version"),
)
