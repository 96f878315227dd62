"""What the platform's error codes mean to us: only where the status alone does not say it.

Salesforce REST API Developer Guide, "Status Codes and Error Responses", and the status codes of the
SOAP API, which REST uses too. Answers are arrays of `{message, errorCode, fields}`; gateways in
front of the platform answer HTML or nothing, which is judged by the status.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Annotated

import httpx
from prometheus_client import Gauge
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from adapters.http import Effect, outcome_of_status, request_id_of, retry_after_s
from adapters.platforms.salesforce.ids import to_18
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

DAILY_LIMIT_PAUSE_S = 900.0
"""The daily allowance is a rolling window: asking again sooner than this cannot help."""
MESSAGE_MAX = 500

API_USAGE = Gauge(
    "c2c_salesforce_api_requests",
    "API requests of the organisation in the rolling 24 hours, as its answers say",
    ["system", "figure"],
)


class ApiError(BaseModel):
    """One error of an answer."""

    model_config = ConfigDict(extra="allow", frozen=True)

    errorCode: Annotated[str, Field(max_length=100)]
    message: str = ""
    fields: tuple[str, ...] = ()


_ERRORS = TypeAdapter(Annotated[tuple[ApiError, ...], Field(min_length=1)])


class RecordChanged(SystemBusy):
    """The record changed after it was read (412): read it again, then decide again."""


class Meaning(Enum):
    BUSY = auto()
    DOWN = auto()
    DOUBTFUL = auto()
    """The platform gave up half-way: a create may have happened."""
    REFUSED = auto()
    MISSING = auto()
    EXISTS = auto()
    DATA = auto()
    DRIFT = auto()
    """Our query or document does not fit the organisation's schema any more."""


MEANINGS: dict[str, Meaning] = {
    "REQUEST_LIMIT_EXCEEDED": Meaning.BUSY,
    "UNABLE_TO_LOCK_ROW": Meaning.BUSY,
    "SERVER_UNAVAILABLE": Meaning.DOWN,
    "ORG_IN_MAINTENANCE": Meaning.DOWN,
    "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE": Meaning.DOWN,
    "QUERY_TIMEOUT": Meaning.DOWN,
    # A cursor lives two days; the walk starts again from the stored watermark.
    "INVALID_QUERY_LOCATOR": Meaning.DOWN,
    "REQUEST_RUNNING_TOO_LONG": Meaning.DOUBTFUL,
    "TOO_MANY_APEX_REQUESTS": Meaning.DOUBTFUL,
    "UNKNOWN_EXCEPTION": Meaning.DOUBTFUL,
    "INVALID_SESSION_ID": Meaning.REFUSED,
    "TXN_SECURITY_NO_ACCESS": Meaning.REFUSED,
    "API_DISABLED_FOR_ORG": Meaning.REFUSED,
    "API_CURRENTLY_DISABLED": Meaning.REFUSED,
    "INSUFFICIENT_ACCESS": Meaning.REFUSED,
    "INSUFFICIENT_ACCESS_OR_READONLY": Meaning.REFUSED,
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": Meaning.REFUSED,
    "INVALID_FIELD_FOR_INSERT_UPDATE": Meaning.REFUSED,
    "STORAGE_LIMIT_EXCEEDED": Meaning.REFUSED,
    "LIMIT_EXCEEDED": Meaning.REFUSED,
    "UNSUPPORTED_API_VERSION": Meaning.REFUSED,
    "NOT_FOUND": Meaning.MISSING,
    "ENTITY_IS_DELETED": Meaning.MISSING,
    "INVALID_CROSS_REFERENCE_KEY": Meaning.MISSING,
    "DUPLICATE_VALUE": Meaning.EXISTS,
    "INVALID_FIELD": Meaning.DRIFT,
    "INVALID_TYPE": Meaning.DRIFT,
    "MALFORMED_QUERY": Meaning.DRIFT,
    "JSON_PARSER_ERROR": Meaning.DRIFT,
    "INVALID_QUERY_FILTER_OPERATOR": Meaning.DRIFT,
    "METHOD_NOT_ALLOWED": Meaning.DRIFT,
}
"""Every other code is about our data: a person corrects it."""

CAUSED_BY_TRIGGER = frozenset(
    {"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "CANNOT_EXECUTE_FLOW_TRIGGER"}
)
_USAGE = re.compile(r"(?:^|[;\s])api-usage=(\d{1,12})/(\d{1,12})")
_COLUMN = re.compile(r"No such column '([\w.]{1,120})'")
_OBJECT = re.compile(r"sObject type '([\w.]{1,120})'")
_RECORD_ID = re.compile(r"with id: ([0-9A-Za-z]{15,18})\b")


def classify(
    system: str, response: httpx.Response, content: bytes, effect: Effect
) -> SystemOutcome | None:
    """The platform's exceptions to the shared outcome table; notes the API usage on the way."""
    spent = note_usage(system, response)
    status, trace = response.status_code, request_id_of(response)
    if response.is_success:
        return None
    if status == 412:
        return RecordChanged(system, "the record changed since it was read", request_id=trace)
    if status == 300:
        return DataRejected(
            system, "several records carry the external id", fields=("external id",)
        )
    if status == 410:
        return SystemRefusesUs(system, "this API version is retired", request_id=trace)
    error = first_error(content)
    if error is None or (status == 503 and "retry-after" in response.headers):
        return SystemUnavailable(system, "HTTP 420", request_id=trace) if status == 420 else None
    return _outcome(system, response, error, effect, spent)


def first_error(content: bytes) -> ApiError | None:
    """The first error of an answer; None when it is not the platform's own (HTML, empty)."""
    try:
        return _ERRORS.validate_json(content)[0]
    except ValidationError:
        return None


def note_usage(system: str, response: httpx.Response) -> bool:
    """Keep `Sforce-Limit-Info` as a gauge; True when the daily allowance is spent."""
    found = _USAGE.search(response.headers.get("sforce-limit-info", ""))
    if found is None:
        return False
    used, allowed = int(found[1]), int(found[2])
    API_USAGE.labels(system, "used").set(used)
    API_USAGE.labels(system, "allowed").set(allowed)
    return used >= allowed


def _outcome(
    system: str, response: httpx.Response, error: ApiError, effect: Effect, spent: bool
) -> SystemOutcome:
    code, trace = _code_of(error), request_id_of(response)
    text = f"{code}: {' '.join(error.message.split())[:MESSAGE_MAX]}"
    match MEANINGS.get(code, Meaning.DATA):
        case Meaning.BUSY:
            return _busy(system, response, text, spent and code == "REQUEST_LIMIT_EXCEEDED")
        case Meaning.DOWN:
            return SystemUnavailable(system, text, request_id=trace)
        case Meaning.DOUBTFUL if effect is Effect.CREATE:
            return OutcomeUnknown(system, text, request_id=trace)
        case Meaning.DOUBTFUL:
            return SystemUnavailable(system, text, request_id=trace)
        case Meaning.REFUSED:
            return SystemRefusesUs(system, text, request_id=trace)
        case Meaning.MISSING:
            return RecordMissing(system, text, request_id=trace)
        case Meaning.EXISTS:
            return RecordExists(system, text, reference=_existing(error), request_id=trace)
        case Meaning.DRIFT:
            return AnswerUnreadable(system, text, where=_place(error), request_id=trace)
    if response.status_code >= 500:
        return outcome_of_status(system, response, effect)
    return DataRejected(system, text, fields=error.fields, request_id=trace)


def _code_of(error: ApiError) -> str:
    """The code; a lock that a trigger of the organisation met is named in the message alone."""
    if error.errorCode in CAUSED_BY_TRIGGER and "UNABLE_TO_LOCK_ROW" in error.message:
        return "UNABLE_TO_LOCK_ROW"
    return error.errorCode


def _busy(system: str, response: httpx.Response, text: str, daily: bool) -> SystemBusy:
    # The platform documents no Retry-After; a proxy may add one.
    named = retry_after_s(response.headers.get("retry-after"), datetime.now(UTC))
    pause = named if named is not None else (DAILY_LIMIT_PAUSE_S if daily else None)
    return SystemBusy(system, text, retry_after_s=pause, request_id=request_id_of(response))


def _place(error: ApiError) -> str:
    found = _COLUMN.search(error.message) or _OBJECT.search(error.message)
    return found[1] if found else ", ".join(error.fields)


def _existing(error: ApiError) -> str | None:
    found = _RECORD_ID.search(error.message)
    try:
        return to_18(found[1]) if found else None
    except ValueError:
        return None
