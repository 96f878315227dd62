"""JSON Schemas of the published models: the nouns, and the business events that systems push."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from pydantic import BaseModel, JsonValue

from canonical.agreement import Agreement
from canonical.billing import BillingPreview, BillingRun
from canonical.case import Case
from canonical.client import Client
from canonical.contract import ContractVersion
from canonical.deal import Deal
from canonical.events import EVENT, Event
from canonical.invoice import Invoice, PostedInvoice
from canonical.landscape import Landscape
from canonical.payment import BillingStatus, PaymentSeen
from canonical.project import ProjectPlan
from canonical.validation import ValidationReport
from canonical.work import WORK_ITEM, Expense, TimeEntry

NOUNS: Mapping[str, type[BaseModel]] = {
    "agreement": Agreement,
    "billing-preview": BillingPreview,
    "billing-run": BillingRun,
    "billing-status": BillingStatus,
    "case": Case,
    "client": Client,
    "contract-version": ContractVersion,
    "deal": Deal,
    "expense": Expense,
    "invoice": Invoice,
    "landscape": Landscape,
    "payment": PaymentSeen,
    "posted-invoice": PostedInvoice,
    "project": ProjectPlan,
    "time-entry": TimeEntry,
    "validation-report": ValidationReport,
}

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def event_models() -> dict[str, type[BaseModel]]:
    """Every model of the event union, by its `type`."""
    union = get_args(Event)[0]
    return {model.model_fields["type"].default: model for model in get_args(union)}


def schemas() -> dict[str, dict[str, JsonValue]]:
    """All schemas by name, in the order of their names: `deal`, `event`, `event.deal.closed`, ...

    They describe what is accepted (pydantic's validation mode): decimals as numbers or texts.
    """
    models = {**NOUNS, **{f"event.{name}": model for name, model in event_models().items()}}
    found = {name: model.model_json_schema() for name, model in models.items()}
    found |= {"event": EVENT.json_schema(), "work-item": WORK_ITEM.json_schema()}
    return {name: {"$schema": DIALECT, **found[name]} for name in sorted(found)}
