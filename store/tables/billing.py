"""Billing runs and what they make: immutable transactions, holds, invoices."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from canonical.invoice import InvoiceState
from store.tables.base import DERIVED_ID, EXACT, exact, metadata, moment, one_of, words

billing_run = Table(
    "billing_run",
    metadata,
    Column("engagement_id", Text, ForeignKey("engagement.id"), nullable=False),
    Column("period", Text, nullable=False),
    Column("run", Integer, nullable=False),
    moment("cutoff"),
    Column("event_id", DERIVED_ID, ForeignKey("business_event.id")),
    words("state", default="open"),
    moment("opened_at", now=True),
    moment("finished_at", nullable=True),
    PrimaryKeyConstraint("engagement_id", "period", "run"),
    UniqueConstraint("engagement_id", "event_id"),
    one_of("state", ("open", "finished")),
    CheckConstraint("run >= 1", name="run"),
)


def _run() -> tuple[Column[str], Column[str], Column[int]]:
    return (
        Column("engagement_id", Text, nullable=False),
        Column("period", Text, nullable=False),
        Column("run", Integer, nullable=False),
    )


def _of_run() -> ForeignKeyConstraint:
    columns = ("engagement_id", "period", "run")
    return ForeignKeyConstraint(columns, [f"billing_run.{column}" for column in columns])


billing_transaction = Table(
    "billing_transaction",
    metadata,
    Column("id", DERIVED_ID, primary_key=True),
    Column("item_id", DERIVED_ID, ForeignKey("work_item.id")),
    Column("item_version", Integer),
    *_run(),
    Column("contract_id", DERIVED_ID, nullable=False),
    Column("contract_version", Integer, nullable=False),
    words("line_id", default=None),
    Column("portion", Integer, nullable=False),
    words("kind", default=None),
    words("source", default=None),
    words("external_id", default=None),
    Column("work_date", Date, nullable=False),
    words("person", default=None),
    words("person_name"),
    words("role"),
    words("task"),
    words("description"),
    exact("quantity"),
    exact("rate"),
    words("rate_basis", default=None),
    exact("amount"),
    words("currency", default=None),
    words("tax_code", default=None),
    words("currency_basis", default=None),
    words("approved_by", default=None),
    moment("approved_at", nullable=True),
    Column("credits", DERIVED_ID),
    moment("recorded_at", now=True),
    Column("chapter_id", BigInteger, ForeignKey("book_chapter.id"), nullable=False),
    Column("customer", DERIVED_ID, nullable=False),
    words("legal_entity", default=None),
    exact("discount", default="0"),
    exact("net"),
    Column(
        "measure",
        EXACT,
        nullable=False,
        comment="in contract currency, before discount: what limits count",
    ),
    exact("fx", nullable=True),
    Column(
        "beaten",
        JSONB,
        nullable=False,
        comment="the rate rows that would have applied, had none stronger been there",
    ),
    Column("limits", JSONB, nullable=False, comment="what it consumes of each limit"),
    words("credit_to"),
    Column("concession", Boolean, nullable=False, server_default=text("false")),
    words("service_period", default=None),
    _of_run(),
    ForeignKeyConstraint(
        ["contract_id", "contract_version"],
        ["contract_version.contract_id", "contract_version.version"],
    ),
    UniqueConstraint("id", "item_id"),
    # a credit names a transaction of the same item
    ForeignKeyConstraint(
        ["credits", "item_id"], ["billing_transaction.id", "billing_transaction.item_id"]
    ),
    CheckConstraint(
        "item_id IS NULL OR (credits IS NULL AND quantity > 0)"
        " OR (credits IS NOT NULL AND quantity <= 0)",
        name="quantity",
    ),
    CheckConstraint("(item_id IS NULL) = (item_version IS NULL)", name="version"),
    Index("billing_transaction_contract_idx", "contract_id", "chapter_id"),
    Index("billing_transaction_run_idx", "engagement_id", "period", "run", "id"),
    Index("billing_transaction_item_idx", "item_id"),
    Index(
        "billing_transaction_credits_idx", "credits", postgresql_where=text("credits IS NOT NULL")
    ),
)

hold = Table(
    "hold",
    metadata,
    Column("item_id", DERIVED_ID, ForeignKey("work_item.id"), nullable=False),
    *_run(),
    words("reason", default=None),
    exact("quantity"),
    words("detail"),
    moment("held_at", now=True),
    exact("amount", default="0"),
    words("currency"),
    PrimaryKeyConstraint("item_id", "engagement_id", "period", "run", "reason"),
    _of_run(),
    Index("hold_run_idx", "engagement_id", "period", "run"),
)

invoice = Table(
    "invoice",
    metadata,
    Column("id", DERIVED_ID, primary_key=True),
    words("key", default=None),
    *_run(),
    Column("sequence", Integer, nullable=False),
    words("legal_entity", default=None),
    Column("bill_to", DERIVED_ID, ForeignKey("client.id"), nullable=False),
    words("state", default=InvoiceState.DRAFT.value),
    words("number"),
    Column("invoice_date", Date),
    Column("due_date", Date),
    words("currency", default=None),
    exact("net"),
    exact("tax"),
    exact("gross"),
    exact("booked_net", nullable=True),
    exact("booked_tax", nullable=True),
    exact("booked_gross", nullable=True),
    exact("paid", default="0"),
    words("delivered_as"),
    moment("delivered_at", nullable=True),
    Column("body", JSONB, nullable=False, comment="the draft, without its lines"),
    moment("created_at", now=True),
    words("type", default="invoice"),
    Column("contract_id", DERIVED_ID, nullable=False),
    Column("credits", DERIVED_ID, ForeignKey("invoice.id")),
    exact("discount", default="0"),
    Column(
        "posted_in",
        BigInteger,
        ForeignKey("book_chapter.id"),
        comment="the chapter that posted it in our ledger",
    ),
    UniqueConstraint("key"),
    UniqueConstraint("engagement_id", "bill_to", "period", "run", "sequence"),
    _of_run(),
    one_of("state", InvoiceState),
    one_of("type", ("invoice", "credit_note")),
    CheckConstraint("gross = net + tax", name="gross"),
    Index("invoice_day_idx", "legal_entity", "invoice_date"),
    Index("invoice_run_idx", "engagement_id", "period", "run"),
)

invoice_line = Table(
    "invoice_line",
    metadata,
    Column("invoice_id", DERIVED_ID, ForeignKey("invoice.id"), nullable=False),
    Column("line_no", Integer, nullable=False),
    words("kind", default=None),
    words("description", default=None),
    exact("net"),
    words("currency", default=None),
    words("tax_code", default=None),
    exact("quantity"),
    Column("taxed_on", Date, comment="the day whose tax holds; empty: the end of the service"),
    PrimaryKeyConstraint("invoice_id", "line_no"),
)

invoice_transaction = Table(
    "invoice_transaction",
    metadata,
    Column(
        "transaction_id",
        DERIVED_ID,
        ForeignKey("billing_transaction.id"),
        primary_key=True,
        comment="a transaction is on one invoice at most",
    ),
    Column("invoice_id", DERIVED_ID, nullable=False),
    Column("line_no", Integer, nullable=False),
    ForeignKeyConstraint(
        ["invoice_id", "line_no"], ["invoice_line.invoice_id", "invoice_line.line_no"]
    ),
    Index("invoice_transaction_invoice_idx", "invoice_id", "line_no"),
)
