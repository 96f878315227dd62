"""What a source may assert."""

from __future__ import annotations

from typing import Any

import pytest

from canonical.errors import ChangeNotAllowed
from canonical.events import EVENT
from gateway.authority import require_authority
from tests.gateway.builders import (
    make_deal_closed,
    make_event,
    make_expense,
    make_landscape,
    make_time_entry,
)

LANDSCAPE = make_landscape()
PROJECT = {"system": "psa-one", "kind": "project", "id": "77"}


def completion(source: str, kind: str) -> dict[str, Any]:
    totals = {"kind": kind, "count": 1, "quantity": "1"}
    return make_event(
        source=source,
        type="source.completed",
        project=PROJECT,
        up_to="2026-09-30T22:00:00Z",
        totals=totals,
    )


def locked(source: str, entity: str) -> dict[str, Any]:
    return make_event(source=source, type="period.locked", legal_entity=entity, period="2026-09")


def payment(source: str, system: str) -> dict[str, Any]:
    return make_event(
        source=source,
        type="payment.received",
        invoice={"system": system, "kind": "invoice", "id": "1"},
        payment={"system": system, "kind": "payment", "id": "2"},
    )


def cutoff(source: str) -> dict[str, Any]:
    return make_event(
        source=source,
        type="billing.cutoff",
        legal_entity="CH01",
        period="2026-09",
        cutoff="2026-10-01T00:00:00Z",
    )


def times(source: str, item_source: str) -> dict[str, Any]:
    items = [make_time_entry(source=item_source)]
    return make_event(source=source, type="time.approved", items=items)


ALLOWED = [
    pytest.param("expenses", make_event(), id="expenses of an expense source"),
    pytest.param("timesheets", times("timesheets", "timesheets"), id="time of a time source"),
    pytest.param("crm-one", make_deal_closed(), id="deal of the crm"),
    pytest.param("erp-one", locked("erp-one", "DE01"), id="lock by the entity's erp"),
    pytest.param("erp-one", payment("erp-one", "erp-one"), id="payment by the erp"),
    pytest.param("expenses", completion("expenses", "expense"), id="completion of its own kind"),
    pytest.param("expenses", cutoff("expenses"), id="a request, by anyone trusted"),
]

REFUSED = [
    pytest.param("timesheets", make_event(), "event evt-1", id="in another's name"),
    pytest.param("expenses", times("expenses", "expenses"), "time belongs to the time", id="time"),
    pytest.param("timesheets", times("timesheets", "expenses"), "time of X-1", id="others' items"),
    pytest.param("expenses", make_deal_closed(source="expenses"), "deal.lines", id="deal"),
    pytest.param(
        "erp-one", locked("erp-one", "CH01"), "period.lock belongs to the erp", id="other's books"
    ),
    pytest.param("erp-one", payment("erp-one", "psa-one"), "payment of psa-one", id="payment"),
    pytest.param("expenses", completion("expenses", "time"), "time belongs", id="completion"),
]


@pytest.mark.parametrize(("source", "event"), ALLOWED)
def test_a_source_may_assert_what_its_roles_own(source: str, event: dict[str, Any]) -> None:
    require_authority(LANDSCAPE, source, EVENT.validate_python(event))


@pytest.mark.parametrize(("source", "event", "reason"), REFUSED)
def test_a_source_may_not_assert_what_belongs_to_another(
    source: str, event: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ChangeNotAllowed, match=reason):
        require_authority(LANDSCAPE, source, EVENT.validate_python(event))


def test_one_foreign_item_among_own_ones_is_enough_to_refuse() -> None:
    items = [make_expense(1), make_expense(2, source="timesheets")]
    with pytest.raises(ChangeNotAllowed, match="expense of X-2 belongs to the timesheets"):
        require_authority(LANDSCAPE, "expenses", EVENT.validate_python(make_event(items=items)))
