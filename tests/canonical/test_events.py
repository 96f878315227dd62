"""Events: they survive the wire, keep what they do not know, and refuse what cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from canonical.events import (
    EVENT,
    ITEMS_PER_EVENT_MAX,
    BillingCutoff,
    DealClosed,
    Event,
    ExchangeRatesPublished,
    ExpenseApproved,
    ExpenseRecalled,
    MilestoneAchieved,
    PaymentReceived,
    PeriodLocked,
    ProgressReported,
    RetentionReleased,
    SourceCompleted,
    TimeApproved,
    TimeRecalled,
)
from canonical.ids import ExternalRef
from canonical.schemas import event_models
from canonical.work import HOURS_MAX_PER_ENTRY, SourceTotals
from tests.canonical.builders import APPROVED_AT, PROJECT, deal_ref, make_entry, make_expense

HEAD: dict[str, Any] = {"id": "e-1", "source": "psa", "occurred_at": APPROVED_AT}
INVOICE = ExternalRef(system="erp", kind="invoice", id="12")
TOTALS = SourceTotals(kind="time", count=2, quantity=Decimal("7.50"))

EVENTS: list[Event] = [
    DealClosed(**HEAD, deal=deal_ref(1)),
    TimeApproved(**HEAD, items=(make_entry("7.50"),)),
    TimeRecalled(**HEAD, items=(make_entry(approved=False),)),
    ExpenseApproved(**HEAD, items=(make_expense("12.30"),)),
    ExpenseRecalled(**HEAD, items=(make_expense(),)),
    SourceCompleted(**HEAD, project=PROJECT, up_to=APPROVED_AT, totals=TOTALS),
    BillingCutoff(**HEAD, legal_entity="NW-DE", period="2026-03", cutoff=APPROVED_AT),
    PeriodLocked(**HEAD, legal_entity="NW-DE", period="2026-03"),
    PaymentReceived(**HEAD, invoice=INVOICE, payment=INVOICE),
    MilestoneAchieved(
        **HEAD,
        project=PROJECT,
        milestone="design",
        accepted_by="Cara Falk",
        accepted_on=date(2026, 3, 20),
        document_hash="sha256:1f",
    ),
    ProgressReported(
        **HEAD, project=PROJECT, as_of=date(2026, 3, 31), to_date=Decimal(40), estimate=Decimal(90)
    ),
    RetentionReleased(
        **HEAD, project=PROJECT, condition="final acceptance", milestones=("design",)
    ),
    ExchangeRatesPublished(**HEAD, rate_on=date(2026, 3, 31), rates={"USD/EUR": Decimal("0.9132")}),
]


def wire(event: Event) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(EVENT.dump_json(event))
    return decoded


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_an_event_survives_the_wire(event: Event) -> None:
    again = EVENT.validate_json(EVENT.dump_json(event))
    assert again == event
    assert type(again) is type(event)


def test_every_kind_of_event_is_tried_here() -> None:
    assert sorted(event.type for event in EVENTS) == sorted(event_models())


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_fields_that_we_do_not_know_are_kept(event: Event) -> None:
    sent = wire(event) | {"colour": "blue"}
    assert wire(EVENT.validate_python(sent)) == sent


def test_unknown_fields_of_an_entry_are_kept_too() -> None:
    sent = wire(EVENTS[1])
    sent["items"][0]["cost_centre"] = "4711"
    assert wire(EVENT.validate_python(sent)) == sent


def changed(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(item: dict[str, Any]) -> None:
        item[path] = value

    return change


IMPOSSIBLE = {
    "negative hours": changed("hours", "-0.25"),
    "more hours than a month has": changed("hours", str(HOURS_MAX_PER_ENTRY + 1)),
    "hours finer than the grid": changed("hours", "0.00001"),
    "no hours": changed("hours", None),
    "hours that are no number": changed("hours", "NaN"),
    "no id": changed("external_id", ""),
    "no such day": changed("work_date", "2026-02-30"),
    "a moment without a zone": changed("version", "2026-04-01T09:00:00"),
    "a description without end": changed("description", "x" * 4_001),
}


@pytest.mark.parametrize("change", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_an_entry_that_cannot_be_is_refused(change: Callable[[dict[str, Any]], None]) -> None:
    sent = wire(EVENTS[1])
    change(sent["items"][0])
    with pytest.raises(ValidationError):
        EVENT.validate_python(sent)


REFUSED = {
    "unknown type": {"type": "time.invented"},
    "later version": {"version": 2},
    "no items": {"items": []},
    "too many items": {"items": [wire(EVENTS[1])["items"][0]] * (ITEMS_PER_EVENT_MAX + 1)},
    "no id": {"id": ""},
    "a moment without a zone": {"occurred_at": "2026-04-01T09:00:00"},
    "expenses as time": {"items": wire(EVENTS[3])["items"]},
}


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED.keys())
def test_an_event_that_cannot_be_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        EVENT.validate_python(wire(EVENTS[1]) | change)


NOT_FACTS = {
    "a milestone without evidence": (9, {"document_hash": ""}),
    "a milestone that nobody accepted": (9, {"accepted_by": ""}),
    "less than no progress": (10, {"to_date": "-1"}),
    "an estimate of nothing": (10, {"estimate": "0"}),
    "a release without its condition": (11, {"condition": ""}),
    "a rate of nothing": (12, {"rates": {"USD/EUR": "0"}}),
    "a rate of one currency": (12, {"rates": {"USD": "1.1"}}),
    "no rates": (12, {"rates": {}}),
}


@pytest.mark.parametrize(("number", "change"), NOT_FACTS.values(), ids=NOT_FACTS.keys())
def test_what_the_books_must_not_hear_is_no_event(number: int, change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        EVENT.validate_python(wire(EVENTS[number]) | change)


def test_a_cost_in_fractions_of_a_cent_is_refused() -> None:
    sent = wire(EVENTS[3])
    sent["items"][0]["cost"]["amount"] = "12.345"
    with pytest.raises(ValidationError, match="finer than"):
        EVENT.validate_python(sent)


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(EVENTS[0], "id", "other")  # noqa: B010  # the type checker knows it, too


MOMENTS = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001  # hypothesis adds the zone itself
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(st.decimals(min_value=0, max_value=744, places=4), MOMENTS, st.text(max_size=50))
def test_hours_moments_and_texts_arrive_as_they_were_sent(
    hours: Decimal, moment: datetime, text: str
) -> None:
    entry = make_entry(str(hours)).model_copy(update={"version": moment, "description": text})
    event = TimeApproved(**HEAD, items=(entry,))
    assert EVENT.validate_json(EVENT.dump_json(event)) == event
