"""Task queues, workflow names and ids, signals, search attributes and schedules: built here
only."""

from __future__ import annotations

from datetime import date

from temporalio.common import SearchAttributeKey

MAIN_QUEUE = "c2c"
"""Workflows, and activities that touch only the store."""


def system_queue(system: str) -> str:
    """The task queue of one system instance; its rate limit holds across all workers."""
    return f"c2c-system-{system}"


ENGAGEMENT = "Engagement"
PROJECT_SETUP = "ProjectSetup"
BILLING_CYCLE = "BillingCycle"
INVOICE_TO_CASH = "InvoiceToCash"
INTAKE = "Intake"
RECONCILE = "Reconcile"
REVENUE_CLOSE = "RevenueClose"

NEWS = "news"
"""A nudge without content: there are unapplied events in the store."""
PREVIEW_BILLING = "preview_billing"
SETTLED = "settled"
"""From an invoice to its engagement: it has ended."""
HOLD, RESUME, RETRY_NOW, CLOSE = "hold", "resume", "retry_now", "close"
"""Orders of operators; they take plain JSON such as {"by": "Ada", "reason": "credit check"}."""

PEOPLES_SIGNALS = frozenset({NEWS, SETTLED, HOLD, RESUME, RETRY_NOW, CLOSE})
"""Signals that somebody may send by hand, with whatever input."""


def engagement(engagement_id: str) -> str:
    """`engagement/<crm instance>/<deal id>`."""
    return f"engagement/{engagement_id}"


def project_setup(engagement_id: str) -> str:
    return f"project-setup/{engagement_id}"


def billing_cycle(engagement_id: str, period: str, run: int) -> str:
    return f"billing/{engagement_id}/{period}/{run}"


def invoice_to_cash(invoice_id: str) -> str:
    return f"invoice/{invoice_id}"


def intake(system: str) -> str:
    return f"intake/{system}"


def reconcile(legal_entity: str, day: date) -> str:
    return f"reconcile/{legal_entity}/{day}"


def revenue_close(legal_entity: str, period: str) -> str:
    return f"revenue/{legal_entity}/{period}"


def reconcile_schedule(legal_entity: str) -> str:
    return f"reconcile-{legal_entity}"


LEGAL_ENTITY = SearchAttributeKey.for_keyword("LegalEntity")
PROJECT_CODE = SearchAttributeKey.for_keyword("ProjectCode")
STAGE = SearchAttributeKey.for_keyword("Stage")
NEEDS_ATTENTION = SearchAttributeKey.for_bool("NeedsAttention")
WAITS_FOR = SearchAttributeKey.for_keyword("WaitsFor")
"""The role that must act, while `NeedsAttention` is true."""
INVOICE_NUMBER = SearchAttributeKey.for_keyword("InvoiceNumber")

SEARCH_ATTRIBUTES: dict[str, str] = {
    LEGAL_ENTITY.name: "Keyword",
    PROJECT_CODE.name: "Keyword",
    STAGE.name: "Keyword",
    NEEDS_ATTENTION.name: "Bool",
    WAITS_FOR.name: "Keyword",
    INVOICE_NUMBER.name: "Keyword",
}
"""The registry: `c2c` registers them; no personal data in any."""
