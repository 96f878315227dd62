"""What the signed intake reads, and what it tells an engineer whose events cannot be used."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from canonical.events import EVENT, ExpenseApproved
from gateway.events import EVENTS_PER_DELIVERY_MAX, read_events
from gateway.problems import PROBLEMS_TOLD_MAX, EventProblem, EventsInvalid
from tests.gateway.builders import (
    as_body,
    make_event,
    make_expense,
    make_landscape,
    make_time_entry,
)

LANDSCAPE = make_landscape()


def problems_of(body: bytes) -> tuple[EventProblem, ...]:
    with pytest.raises(EventsInvalid) as refused:
        read_events(body, LANDSCAPE)
    return refused.value.problems


def with_item(**changes: Any) -> dict[str, Any]:
    return make_event(items=[make_expense(**changes)])


def with_hours(hours: object, **changes: Any) -> dict[str, Any]:
    entry = make_time_entry(hours=hours, **changes)
    return make_event(source="timesheets", type="time.approved", items=[entry])


def test_one_event_or_an_array_of_them_is_read_in_order() -> None:
    assert [e.id for e in read_events(as_body(make_event(7)), LANDSCAPE)] == ["evt-7"]
    events = read_events(as_body(make_event(2), make_event(1)), LANDSCAPE)
    assert [event.id for event in events] == ["evt-2", "evt-1"]


def test_an_amount_written_as_a_json_number_keeps_every_digit() -> None:
    body = as_body(make_event()).replace(b'"119.50"', b"12345678901234567.89")
    (event,) = read_events(body, LANDSCAPE)
    assert isinstance(event, ExpenseApproved)
    assert event.items[0].cost.amount == Decimal("12345678901234567.89")
    assert b'"12345678901234567.89"' in EVENT.dump_json(event)


def test_fields_that_we_do_not_know_yet_are_kept() -> None:
    extended = make_event(batch="B-1", items=[make_expense(seat="3A")])
    (event,) = read_events(as_body(extended), LANDSCAPE)
    stored = json.loads(EVENT.dump_json(event))
    assert (stored["batch"], stored["items"][0]["seat"]) == ("B-1", "3A")


CASES = [
    pytest.param(make_event(type="time.sent"), "type", "does not match any", id="unknown type"),
    pytest.param({"id": "evt-1"}, "type", "Unable to extract tag", id="no type"),
    pytest.param(make_event(version=2), "version", "should be 1", id="unknown version"),
    pytest.param(make_event(id=""), "id", "at least 1 character", id="empty id"),
    pytest.param(make_event(items=[]), "items", "at least 1 item", id="no items"),
    pytest.param(
        make_event(occurred_at="2026-09-20T10:00:00"), "occurred_at", "timezone", id="no zone"
    ),
    pytest.param(with_hours("-1"), "items.0.hours", "greater than or equal to 0", id="negative"),
    pytest.param(with_hours("480.00001"), "items.0.hours", "4 decimal", id="too fine"),
    pytest.param(with_hours("745"), "items.0.hours", "less than or equal to 744", id="minutes"),
    pytest.param(with_item(cost={"amount": "1", "currency": "XXX"}), "items.0.cost.currency",
                 "not an ISO 4217", id="unknown currency"),
    pytest.param(with_item(cost={"amount": "1.005", "currency": "EUR"}), "items.0.cost",
                 "finer than the currency", id="half a cent"),
    pytest.param(with_item(cost={"amount": "1E+999999", "currency": "EUR"}),
                 "items.0.cost.amount", "no more than 24 digits", id="absurd amount"),
    pytest.param(with_item(billible=False), "items.0.billible", "there is 'billable'",
                 id="misspelt field"),
    pytest.param(make_event(ocurred_at="2026-09-20T10:00:00Z"), "ocurred_at",
                 "there is 'occurred_at'", id="misspelt field of the event"),
    pytest.param(with_item(approved=False), "items.0.approved", "sent as approved",
                 id="approved, but not"),
    pytest.param(with_item(approved_by=""), "items.0.approved_by", "not given", id="no approver"),
    pytest.param(make_event(type="expense.recalled", items=[make_expense()]), "items.0.approved",
                 "recalled and approved at once", id="recalled, but approved"),
    pytest.param(with_item(project={"system": "psa-9", "kind": "project", "id": "1"}),
                 "items.0.project.system", "'psa-9' is not a system", id="unknown system"),
    pytest.param(make_event(type="period.locked", legal_entity="FR01", period="2026-09"),
                 "legal_entity", "'FR01' is not a legal entity", id="unknown legal entity"),
    pytest.param(make_event(type="period.locked", legal_entity="DE01", period="2026-13"),
                 "period", "not a billing period", id="no such month"),
]  # fmt: skip


@pytest.mark.parametrize(("event", "field", "reason"), CASES)
def test_an_event_that_cannot_be_used_is_told_field_reason_and_remedy(
    event: dict[str, Any], field: str, reason: str
) -> None:
    (problem,) = problems_of(as_body(make_event(1), event | {"id": event["id"] and "evt-bad"}))
    assert (problem.event, problem.field) == (1, field)
    assert reason in problem.reason
    assert problem.remedy


def test_costs_of_one_project_in_two_currencies_are_refused() -> None:
    dollars = make_expense(2, cost={"amount": "5.00", "currency": "USD"})
    (problem,) = problems_of(as_body(make_event(items=[make_expense(1), dollars])))
    assert problem.field == "items.1.cost.currency"
    assert "psa-one/project/77 has costs in EUR and USD" in problem.reason


def test_every_problem_of_every_event_is_told_at_once() -> None:
    bad = make_event(2, occurred_at="yesterday", items=[make_expense(approved="perhaps")])
    problems = problems_of(as_body(bad, with_hours("-2")))
    assert [(p.event, p.field) for p in problems] == [
        (0, "occurred_at"),
        (0, "items.0.approved"),
        (1, "items.0.hours"),
    ]


def test_two_events_with_one_id_are_refused_because_one_would_be_lost() -> None:
    (problem,) = problems_of(as_body(make_event(1), make_event(1)))
    assert "2 events of the delivery have the id 'evt-1'" in problem.reason


def test_the_list_of_problems_is_limited() -> None:
    worthless: list[dict[str, str]] = [{} for _ in range(EVENTS_PER_DELIVERY_MAX)]
    assert len(problems_of(json.dumps(worthless).encode())) == PROBLEMS_TOLD_MAX


@pytest.mark.parametrize("count", [0, EVENTS_PER_DELIVERY_MAX + 1])
def test_a_delivery_has_one_to_a_hundred_events(count: int) -> None:
    body = json.dumps([make_event(number) for number in range(count)]).encode()
    (problem,) = problems_of(body)
    assert f"the delivery has {count} events" in problem.reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"", "Expecting value", id="empty"),
        pytest.param(b'{"id": "evt', "Unterminated string", id="truncated"),
        pytest.param(b"<events/>", "Expecting value", id="xml"),
        pytest.param(b'{"id": 1, "id": 2}', "'id' appears twice", id="key twice"),
        pytest.param(b'{"hours": NaN}', "NaN is not a number of JSON", id="nan"),
        pytest.param(b"[" * 100_000, "nested too deeply", id="deep"),
        pytest.param(b"9" * 5_000, "Exceeds the limit", id="endless number"),
        pytest.param(b'{"id": "a\\u0000"}', "a NUL character", id="nul"),
        pytest.param(b'[{"\\ud800": 1}]', "half a surrogate pair", id="lone surrogate"),
    ],
)
def test_a_body_that_is_not_plain_json_is_refused(body: bytes, reason: str) -> None:
    (problem,) = problems_of(body)
    assert problem.event is None
    assert reason in problem.reason
