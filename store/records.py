"""The store's classes that implement `canonical.records`, by the names of their ports."""

from store.billing import BillingStore
from store.book_store import BookStore
from store.cases import CaseStore
from store.engagements import EngagementStore
from store.events import EventStore
from store.invoices import InvoiceStore
from store.reconcile import ReconcileStore
from store.revenue_closes import RevenueStore
from store.work import WorkStore

__all__ = [
    "BillingStore",
    "BookStore",
    "CaseStore",
    "EngagementStore",
    "EventStore",
    "InvoiceStore",
    "ReconcileStore",
    "RevenueStore",
    "WorkStore",
]
