"""What Kantata's answers say beyond their status: a list of errors with type, field and text.

There is no machine-readable code: status, `type` and `field` decide, the text is for people.
"""

from __future__ import annotations

import httpx
from pydantic import ValidationError

from adapters.http import Effect, request_id_of
from canonical.base import Fact
from canonical.errors import (
    DataRejected,
    OutcomeUnknown,
    SystemOutcome,
    SystemRefusesUs,
    SystemUnavailable,
)

TEXT_MAX = 300


class VendorError(Fact):
    """One entry of `errors`; `field` only for validation, `base` when it is the whole record."""

    type: str = ""
    field: str = ""
    message: str = ""


class ErrorBody(Fact):
    """The error envelope; older endpoints answer `error_message` instead."""

    errors: tuple[VendorError, ...] = ()
    error_message: str = ""


def classify(
    system: str, response: httpx.Response, content: bytes, effect: Effect
) -> SystemOutcome | None:
    """The outcome when the body says more than the status; None leaves it to the shared table.

    A body with errors is a failure whatever the status (so does the vendor's own client).
    """
    if response.is_success and not _has_errors(content):
        return None
    body = _parse(content)
    if not body.errors and not body.error_message:
        return None
    if response.is_success:
        return _failure_with_success_status(system, response, body, effect)
    if response.status_code in (400, 422):
        return _rejected(system, response, body)
    return None


def _has_errors(content: bytes) -> bool:
    """A quick look before parsing; inside a text value the quotes would be escaped."""
    return b'"errors"' in content or b'"error_message"' in content


def _parse(content: bytes) -> ErrorBody:
    try:
        return ErrorBody.model_validate_json(content)
    except ValidationError:
        return ErrorBody()


def _failure_with_success_status(
    system: str, response: httpx.Response, body: ErrorBody, effect: Effect
) -> SystemOutcome:
    types = {error.type for error in body.errors}
    message, trace = _text(body), request_id_of(response)
    if "oauth" in types:
        return SystemRefusesUs(system, message, request_id=trace)
    if "system" in types or not types:
        if effect is Effect.CREATE:
            return OutcomeUnknown(system, message, request_id=trace)
        return SystemUnavailable(system, message, request_id=trace)
    return _rejected(system, response, body)


def _rejected(system: str, response: httpx.Response, body: ErrorBody) -> DataRejected:
    fields = tuple(dict.fromkeys(error.field for error in body.errors if error.field))
    return DataRejected(system, _text(body), fields=fields, request_id=request_id_of(response))


def _text(body: ErrorBody) -> str:
    parts = [f"{error.field} {error.message}".strip() for error in body.errors]
    return ("; ".join(parts) or body.error_message)[:TEXT_MAX]
