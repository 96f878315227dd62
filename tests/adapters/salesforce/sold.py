"""Deals of each billing method, as sales people enter them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from adapters.salesforce.simulator.seed import SeedAccount, SeedDeal, SeedLine

ACCOUNT = SeedAccount(
    name="Falkenstein Maschinenbau",
    client_key="C-1042",
    vat_id="DE136695976",
    invoice_email="rechnung@falkenstein.example",
    street="Werkstr. 4",
    city="Plauen",
    postal_code="08523",
    country="DE",
)


def sold_by(method: str, *lines: SeedLine, **changes: Any) -> SeedDeal:
    """A deal from November 2026 to October 2027, without expenses."""
    values: dict[str, Any] = {
        "name": "Line 4 modernisation",
        "account": ACCOUNT,
        "close_date": date(2026, 10, 30),
        "legal_entity": "NW-DE",
        "billing_method": method,
        "service_start": date(2026, 11, 1),
        "service_end": date(2027, 10, 31),
        "lines": lines,
    }
    return SeedDeal.model_validate({**values, **changes})


def retainer() -> SeedDeal:
    """20 hours a month for 3,000.00; up to 10 hours roll over for two months; 180.00 beyond."""
    line = SeedLine(
        product="Advisory retainer",
        family="Retainer",
        hours=Decimal(20),
        rate=Decimal("3000.00"),
        period="month",
        overage_rate=Decimal("180.00"),
        rollover_hours_max=Decimal(10),
        rollover_periods=2,
        unused_at_close="refund",
    )
    return sold_by("retainer", line, expense_markup_percent=Decimal(0))


def milestones() -> SeedDeal:
    """Two milestones of which the client keeps 10 %, and changes at 150.00 an hour."""
    return sold_by(
        "milestones",
        _milestone("Design accepted", "40000.00"),
        _milestone("Go-live", "60000.00", item_id="M2"),
        SeedLine(product="Consultant", hours=Decimal(40), rate=Decimal("150.00")),
        contract_terms="lines: [{line_id: milestones, retention_percent: 10}]",
    )


def fixed_fee() -> SeedDeal:
    """90,000.00 in three instalments; revenue follows the hours."""
    return sold_by(
        "fixed_fee",
        _instalment("2026-11-30", "30000.00"),
        _instalment("2027-03-31", "30000.00"),
        _instalment("2027-10-31", "30000.00"),
        contract_terms="""
lines:
  - line_id: fee
    revenue: percent_complete
    progress: hours
""",
    )


def capped_time() -> SeedDeal:
    """Hours at 180.00 less 5 %, never more than 50,000.00 without a change order."""
    return sold_by(
        "time_and_materials",
        SeedLine(product="Senior Consultant", hours=Decimal(300), rate=Decimal("180.00")),
        contract_terms="""
# agreed with procurement on 28 October
labour_discount_percent: 5
caps:
  - {cap_id: NTE, amount: 50000.00, currency: EUR, kinds: [time]}
""",
    )


def _milestone(name: str, amount: str, item_id: str = "") -> SeedLine:
    return SeedLine(
        product="Milestone",
        family="Milestone",
        rate=Decimal(amount),
        description=name,
        item_id=item_id,
    )


def _instalment(due: str, amount: str) -> SeedLine:
    due_on = date.fromisoformat(due)
    return SeedLine(
        product="Instalment", family="Fixed Fee", rate=Decimal(amount), effective_from=due_on
    )
