"""Orders of operators: raw signal payloads, validated here, so that a malformed one leaves a
trace."""

from __future__ import annotations

from pydantic import Field, ValidationError
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue

from canonical.base import Noun

NOTHING = RawValue(Payload())
"""What a signal without input carries."""

EXAMPLE = '{"by": "Ada Lovelace", "reason": "credit check"}'


class Order(Noun):
    """Who orders, and why: both end up in the audit trail."""

    by: str = Field(min_length=1, max_length=200)
    reason: str = Field(min_length=1, max_length=1_000)


class OrderRefused(Exception):
    """The payload is no order; the text says what was wrong and what one looks like."""


def read_order(raw: RawValue) -> Order:
    """The order in a raw payload. Raises OrderRefused."""
    if not raw.payload.data:
        raise OrderRefused(f"the signal had no input; send {EXAMPLE}")
    try:
        value: object = workflow.payload_converter().from_payload(raw.payload)
    except Exception as error:
        raise OrderRefused(f"the input is not JSON; send {EXAMPLE}") from error
    try:
        return Order.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "input"
        raise OrderRefused(f"{place}: {first['msg']}; send {EXAMPLE}") from error
