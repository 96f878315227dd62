"""What the platform's answers mean to us."""

from __future__ import annotations

import json

import httpx
import pytest

from adapters.http import Effect
from adapters.platforms.salesforce.outcomes import (
    API_USAGE,
    MESSAGE_MAX,
    RecordChanged,
    classify,
)
from canonical.errors import (
    AnswerUnreadable,
    DataRejected,
    OutcomeUnknown,
    RecordExists,
    RecordMissing,
    SystemBusy,
    SystemOutcome,
    SystemRefusesUs,
    SystemUnavailable,
)


def outcome(
    status: int,
    code: str = "",
    message: str = "",
    *,
    effect: Effect = Effect.READ,
    headers: dict[str, str] | None = None,
    fields: tuple[str, ...] = (),
) -> SystemOutcome | None:
    error = [{"message": message, "errorCode": code, "fields": fields}]
    body = json.dumps(error).encode() if code else b"<html>gateway</html>"
    return classify("crm", httpx.Response(status, headers=headers), body, effect)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, "INVALID_SESSION_ID", SystemRefusesUs),
        (403, "REQUEST_LIMIT_EXCEEDED", SystemBusy),
        (403, "API_DISABLED_FOR_ORG", SystemRefusesUs),
        (400, "UNABLE_TO_LOCK_ROW", SystemBusy),
        (400, "QUERY_TIMEOUT", SystemUnavailable),
        (500, "ORG_IN_MAINTENANCE", SystemUnavailable),
        (400, "INVALID_QUERY_LOCATOR", SystemUnavailable),
        (400, "INVALID_FIELD", AnswerUnreadable),
        (400, "INVALID_TYPE", AnswerUnreadable),
        (400, "INVALID_FIELD_FOR_INSERT_UPDATE", SystemRefusesUs),
        (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", DataRejected),
        (400, "A_CODE_OF_NEXT_YEAR", DataRejected),
        (400, "INVALID_CROSS_REFERENCE_KEY", RecordMissing),
        (404, "NOT_FOUND", RecordMissing),
        (404, "ENTITY_IS_DELETED", RecordMissing),
        (400, "DUPLICATE_VALUE", RecordExists),
        (412, "", RecordChanged),
        (300, "", DataRejected),
        (410, "UNSUPPORTED_API_VERSION", SystemRefusesUs),
        (420, "", SystemUnavailable),
    ],
)
def test_each_code_has_its_meaning(status: int, code: str, expected: type[SystemOutcome]) -> None:
    assert type(outcome(status, code)) is expected


def test_a_lock_that_a_trigger_met_is_still_a_lock() -> None:
    text = "Trg: UNABLE_TO_LOCK_ROW, unable to obtain exclusive access to this record: []"
    assert isinstance(outcome(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", text), SystemBusy)
    assert isinstance(outcome(400, "CANNOT_EXECUTE_FLOW_TRIGGER", "other"), DataRejected)


def test_a_spent_daily_allowance_pauses_for_minutes_and_a_burst_does_not() -> None:
    spent = outcome(
        403, "REQUEST_LIMIT_EXCEEDED", headers={"Sforce-Limit-Info": "api-usage=15000/15000"}
    )
    burst = outcome(403, "REQUEST_LIMIT_EXCEEDED")
    assert isinstance(spent, SystemBusy)
    assert isinstance(burst, SystemBusy)
    assert (spent.retry_after_s, burst.retry_after_s) == (900, None)


def test_a_half_done_create_is_in_doubt_and_a_half_done_read_is_not() -> None:
    assert isinstance(outcome(500, "UNKNOWN_EXCEPTION", effect=Effect.CREATE), OutcomeUnknown)
    assert isinstance(outcome(500, "UNKNOWN_EXCEPTION"), SystemUnavailable)


def test_a_duplicate_names_the_record_that_is_there() -> None:
    text = (
        "duplicate value found: Client_Key__c duplicates value on record with id: 001Ab00000QrStU"
    )
    found = outcome(400, "DUPLICATE_VALUE", text)
    assert isinstance(found, RecordExists)
    assert found.reference == "001Ab00000QrStUIAV"


def test_drift_names_the_column() -> None:
    text = "\nSELECT Naem FROM Account\n       ^\nNo such column 'Naem' on entity 'Account'."
    found = outcome(400, "INVALID_FIELD", text)
    assert isinstance(found, AnswerUnreadable)
    assert found.where == "Naem"


def test_refused_data_names_its_fields_and_keeps_a_bounded_text() -> None:
    found = outcome(400, "STRING_TOO_LONG", "x" * 10_000, fields=("Name",))
    assert isinstance(found, DataRejected)
    assert found.fields == ("Name",)
    assert len(str(found)) < MESSAGE_MAX + 100


def test_a_gateways_html_is_judged_by_its_status() -> None:
    assert outcome(503) is None
    assert outcome(200) is None


def test_api_usage_is_exposed_as_a_gauge() -> None:
    info = {"Sforce-Limit-Info": "api-usage=1834/125000; per-app-api-usage=17/250(appName=x)"}
    classify("gauged", httpx.Response(200, headers=info), b"{}", Effect.READ)
    assert API_USAGE.labels("gauged", "used")._value.get() == 1834
    assert API_USAGE.labels("gauged", "allowed")._value.get() == 125_000
