"""The ledger: chapters of each contract's story, what was heard in them, and balanced journals."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
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

from canonical.landscape import Owner
from store.tables.base import DERIVED_ID, exact, metadata, moment, one_of, words

book_chapter = Table(
    "book_chapter",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("contract_id", DERIVED_ID, nullable=False),
    words("kind", default=None),
    words("key", default=None),
    Column(
        "told_on",
        DateTime(timezone=False),
        nullable=False,
        comment="the moment of the decision, in the books' own time",
    ),
    Column("decision", JSONB, comment="empty: the books were only brought up to date"),
    Column("locked", JSONB, nullable=False, comment="the last closed period, by legal entity"),
    Column("rates_through", BigInteger, nullable=False, server_default=text("0")),
    moment("recorded_at", now=True),
    UniqueConstraint("key"),
    Index("book_chapter_contract_idx", "contract_id", "id"),
)

book_fact = Table(
    "book_fact",
    metadata,
    Column("chapter_id", BigInteger, ForeignKey("book_chapter.id"), nullable=False),
    Column("number", Integer, nullable=False),
    words("key", default=None),
    Column("body", JSONB, nullable=False),
    PrimaryKeyConstraint("chapter_id", "number"),
    UniqueConstraint("key"),
)

book_work = Table(
    "book_work",
    metadata,
    Column("item_id", DERIVED_ID, ForeignKey("work_item.id"), nullable=False),
    Column("chapter_id", BigInteger, ForeignKey("book_chapter.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    words("effect", default=None),
    Column(
        "role",
        Text,
        nullable=False,
        server_default=text("''"),
        comment="the contract's name of the role, as it was mapped when it was heard",
    ),
    PrimaryKeyConstraint("item_id", "chapter_id"),
    one_of("effect", ("approved", "gone", "submitted")),
    Index("book_work_chapter_idx", "chapter_id"),
)

work_item_archive = Table(
    "work_item_archive",
    metadata,
    Column("item_id", DERIVED_ID, ForeignKey("work_item.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("body", JSONB, nullable=False, comment="an item as the books heard it, since changed"),
    moment("archived_at", now=True),
    PrimaryKeyConstraint("item_id", "revision"),
)

exchange_rate = Table(
    "exchange_rate",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    words("base", default=None),
    words("quote", default=None),
    Column("rate_on", Date, nullable=False),
    Column("rate", exact("rate").type, nullable=False, comment="units of quote for one of base"),
    words("source", default=None),
    moment("recorded_at", now=True),
    CheckConstraint("rate > 0", name="rate"),
    CheckConstraint("base <> quote", name="pair"),
    Index("exchange_rate_pair_idx", "base", "quote", "rate_on"),
)

book_state = Table(
    "book_state",
    metadata,
    Column("contract_id", DERIVED_ID, primary_key=True),
    Column("chapter_id", BigInteger, ForeignKey("book_chapter.id"), nullable=False),
    words("digest", default=None),
    Column("journals", Integer, nullable=False),
    Column("transactions", Integer, nullable=False),
)

journal_entry = Table(
    "journal_entry",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("chapter_id", BigInteger, ForeignKey("book_chapter.id"), nullable=False),
    Column("number", Integer, nullable=False, comment="within its chapter and contract"),
    Column("contract_id", DERIVED_ID, nullable=False),
    words("legal_entity", default=None),
    Column("posted_on", Date, nullable=False),
    words("period", default=None),
    words("currency", default=None),
    words("document_currency", default=None),
    words("event", default=None),
    words("service_period"),
    Column("reverses", BigInteger, ForeignKey("journal_entry.id")),
    words("owner", default=None),
    words("document"),
    moment("recorded_at", now=True),
    UniqueConstraint("chapter_id", "contract_id", "number"),
    UniqueConstraint("id", "currency", "document_currency"),
    one_of("owner", Owner),
    CheckConstraint("to_char(posted_on, 'YYYY-MM') = period", name="period"),
    Index("journal_entry_contract_idx", "contract_id", "id"),
    Index("journal_entry_period_idx", "legal_entity", "period"),
)

journal_line = Table(
    "journal_line",
    metadata,
    Column("journal_id", BigInteger, nullable=False),
    Column("line_no", Integer, nullable=False),
    words("account", default=None),
    exact("amount"),
    words("currency", default=None),
    exact("document_amount"),
    words("document_currency", default=None),
    words("contract"),
    words("item"),
    PrimaryKeyConstraint("journal_id", "line_no"),
    # a line is in the currencies of its journal, so that their sums mean something
    ForeignKeyConstraint(
        ["journal_id", "currency", "document_currency"],
        ["journal_entry.id", "journal_entry.currency", "journal_entry.document_currency"],
    ),
    Index("journal_line_account_idx", "account", "contract"),
)

revenue_schedule = Table(
    "revenue_schedule",
    metadata,
    Column("chapter_id", BigInteger, ForeignKey("book_chapter.id"), nullable=False),
    Column("contract_id", DERIVED_ID, nullable=False),
    words("line_id", default=None),
    Column("as_of", Date, nullable=False),
    exact("to_date"),
    exact("estimate"),
    exact("revenue_to_date"),
    exact("revenue_in_period"),
    exact("billed_to_date"),
    exact("loss_provision"),
    PrimaryKeyConstraint("chapter_id", "contract_id", "line_id"),
)
