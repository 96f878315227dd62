"""The tables, by idea; `metadata` knows them all."""

from store.tables.agreement import client, contract_version, engagement, identity_link, project
from store.tables.audit import audit_checkpoint, audit_pending, audit_seal, subject_key
from store.tables.base import metadata
from store.tables.billing import (
    billing_run,
    billing_transaction,
    hold,
    invoice,
    invoice_line,
    invoice_transaction,
)
from store.tables.control import (
    audit_event,
    database_environment,
    exception_case,
    lease,
    lease_fence,
    payment,
    posting,
)
from store.tables.intake import (
    business_event,
    event_delivery,
    feed_cursor,
    inbox,
    news_taking,
    period_lock,
    process,
    source_completion,
)
from store.tables.ledger import (
    book_chapter,
    book_fact,
    book_state,
    book_work,
    exchange_rate,
    journal_entry,
    journal_line,
    revenue_schedule,
    work_item_archive,
)
from store.tables.revenue import revenue_close, revenue_posting
from store.tables.work import credit_proposal, work_item, work_item_balance

__all__ = [
    "audit_checkpoint",
    "audit_event",
    "audit_pending",
    "audit_seal",
    "billing_run",
    "billing_transaction",
    "book_chapter",
    "book_fact",
    "book_state",
    "book_work",
    "business_event",
    "client",
    "contract_version",
    "credit_proposal",
    "database_environment",
    "engagement",
    "event_delivery",
    "exception_case",
    "exchange_rate",
    "feed_cursor",
    "hold",
    "identity_link",
    "inbox",
    "invoice",
    "invoice_line",
    "invoice_transaction",
    "journal_entry",
    "journal_line",
    "lease",
    "lease_fence",
    "metadata",
    "news_taking",
    "payment",
    "period_lock",
    "posting",
    "process",
    "project",
    "revenue_close",
    "revenue_posting",
    "revenue_schedule",
    "source_completion",
    "subject_key",
    "work_item",
    "work_item_archive",
    "work_item_balance",
]
