"""What Kantata's error answers mean, and which settings cannot be right."""

from __future__ import annotations

import httpx
import pytest
from pydantic import JsonValue

from adapters.http import Effect
from adapters.kantata.errors import classify
from adapters.kantata.settings import settings_of
from canonical.errors import (
    DataRejected,
    OutcomeUnknown,
    SetupInvalid,
    SystemOutcome,
    SystemRefusesUs,
    SystemUnavailable,
)
from canonical.landscape import SystemInstance


def outcome_of(status: int, body: object, effect: Effect = Effect.READ) -> SystemOutcome | None:
    response = httpx.Response(status, json=body, headers={"x-request-id": "r-1"})
    return classify("psa", response, response.content, effect)


def errors(type: str, field: str | None = None) -> dict[str, object]:
    entry = {"type": type, "message": "can't be before the time lock"}
    return {"errors": [entry if field is None else {**entry, "field": field}]}


@pytest.mark.parametrize(
    ("type", "effect", "outcome"),
    [
        ("oauth", Effect.READ, SystemRefusesUs),
        ("validation", Effect.CREATE, DataRejected),
        ("syntax", Effect.CREATE, DataRejected),
        ("system", Effect.READ, SystemUnavailable),
        ("system", Effect.SAFE_WRITE, SystemUnavailable),
        ("system", Effect.CREATE, OutcomeUnknown),
    ],
)
def test_a_success_that_carries_errors_is_a_failure(
    type: str, effect: Effect, outcome: type[SystemOutcome]
) -> None:
    assert isinstance(outcome_of(200, errors(type), effect), outcome)


def test_an_old_error_message_is_a_failure_as_well() -> None:
    assert isinstance(outcome_of(200, {"error_message": "down"}), SystemUnavailable)


def test_a_refusal_names_its_fields_and_the_request() -> None:
    refused = outcome_of(422, errors("validation", "date_performed"))
    assert isinstance(refused, DataRejected)
    assert (refused.fields, refused.request_id) == (("date_performed",), "r-1")
    assert "can't be before the time lock" in str(refused)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_other_statuses_are_left_to_the_shared_table(status: int) -> None:
    assert outcome_of(status, errors("system")) is None


def test_text_that_speaks_of_errors_is_no_error() -> None:
    assert outcome_of(200, {"notes": 'fixed the "errors" list', "results": []}) is None


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"base_url": "http://kantata.example/api/v1/"}, "unencrypted"),
        ({"base_url": "ftp://kantata.example"}, "not an http"),
        ({"settle_looks": 99}, "settle_looks"),
        ({"speed": "fast"}, "speed"),
    ],
)
def test_settings_that_cannot_be_right_are_named(
    settings: dict[str, JsonValue], complaint: str
) -> None:
    system = SystemInstance(name="psa", adapter="kantata", settings=settings)
    with pytest.raises(SetupInvalid, match=complaint):
        settings_of(system)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"base_url": "http://127.0.0.1:8080/api/v1/"},
        {"base_url": "http://simulators:8080/api/v1/", "plain_http": True},
    ],
)
def test_good_settings_are_taken(settings: dict[str, JsonValue]) -> None:
    assert settings_of(SystemInstance(name="psa", adapter="kantata", settings=settings))
