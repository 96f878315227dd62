"""What is agreed can be billed: a deal of each method, through the engine to its first invoice."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from canonical.deal import Deal
from canonical.engine.fold import continue_story, open_books
from canonical.engine.story import Event
from canonical.ledger.entity import entity_terms
from tests.canonical.deals import (
    codes_of,
    contract_of,
    fee_line,
    make_entity,
    milestone_line,
    retainer_line,
    role_line,
    sold_by,
)


def invoiced(deal: Deal, *events: dict[str, Any]) -> list[Decimal]:
    """The nets of all invoices after a cut-off at the end of April 2026."""
    assert codes_of(deal) == []
    versions, entities = [contract_of(deal)], [entity_terms(make_entity())]
    books = open_books(entities, versions)
    story = [*events, {"on": "2026-04-30", "cutoff": {}}]
    continue_story(books, versions, [Event.model_validate(each) for each in story])
    return [document.net for document in books.documents.values()]


def hours(worked: str, day: str = "2026-03-20") -> dict[str, Any]:
    entry = {"id": f"T-{day}", "work_date": day, "role": "Senior Consultant", "hours": worked}
    return {"on": day, "time": entry}


ACCEPTED = {"milestone": "Design", "accepted_by": "J. Doe", "document_hash": "sha256:01"}
MARCH = {"on": "2026-03-31", "revenue_close": {"period": "2026-03"}}

STORIES: dict[str, tuple[Deal, list[dict[str, Any]], str]] = {
    # 10 h x 180.00 less 5 %
    "hours less a discount": (
        sold_by("time_and_materials", role_line("180"), sheet="labour_discount_percent: 5"),
        [hours("10")],
        "1710.00",
    ),
    # 10 h x 180.00 fit 1,000.00 only in part
    "hours under a cap": (
        sold_by("time_and_materials", role_line("180"), sheet="caps: [{cap_id: A, amount: 1000}]"),
        [hours("10")],
        "1000.00",
    ),
    # March and April in advance, 5 h of March at 180.00
    "a retainer with overage": (
        sold_by("retainer", retainer_line("20", "3000.00"), role_line("150")),
        [hours("25"), MARCH],
        "6900.00",
    ),
    # 8 h of March roll over and cover 28 h in April
    "a retainer with roll-over": (
        sold_by("retainer", retainer_line("20", "3000.00", rollover_hours_max=Decimal(10))),
        [
            hours("12"),
            MARCH,
            hours("28", "2026-04-20"),
            {"on": "2026-04-30", "revenue_close": {"period": "2026-04"}},
        ],
        "6000.00",
    ),
    # 90 % of the accepted milestone, 2 h of changes at 150.00
    "a milestone with retention and changes by the hour": (
        sold_by(
            "milestones",
            *(milestone_line("Design", "1000.00"), milestone_line("Go-live", "2000.00")),
            role_line("150"),
            sheet="lines: [{line_id: milestones, retention_percent: 10}]",
        ),
        [{"on": "2026-03-15", "acceptance": ACCEPTED}, hours("2")],
        "1200.00",
    ),
    # two of three instalments are due; hours are covered by the price
    "a fixed fee": (
        sold_by(
            "fixed_fee",
            *(fee_line("2026-03-01", "10000.00"), fee_line("2026-04-30", "20000.00")),
            *(fee_line("2026-12-31", "5000.00"), role_line("150")),
        ),
        [hours("8")],
        "30000.00",
    ),
}


@pytest.mark.parametrize(("deal", "events", "net"), STORIES.values(), ids=STORIES.keys())
def test_a_deal_is_billed_as_it_was_sold(
    deal: Deal, events: list[dict[str, Any]], net: str
) -> None:
    assert sum(invoiced(deal, *events)) == Decimal(net)
