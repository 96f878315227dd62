"""All workflows of the product, for workers and replays alike."""

from __future__ import annotations

from typing import Any

from workflows.billing_cycle import BillingCycle
from workflows.engagement import Engagement
from workflows.intake import Intake
from workflows.invoice_to_cash import InvoiceToCash
from workflows.project_setup import ProjectSetup
from workflows.reconcile import Reconcile
from workflows.revenue_close import RevenueClose

WORKFLOWS: list[type[Any]] = [
    Engagement,
    ProjectSetup,
    BillingCycle,
    InvoiceToCash,
    Intake,
    Reconcile,
    RevenueClose,
]
