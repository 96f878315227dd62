"""Which values a field takes, and how the platform words its refusals."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal

from adapters.platforms.salesforce.decimals import Json
from adapters.platforms.salesforce.ids import to_18
from adapters.platforms.salesforce.simulator.errors import Refusal
from adapters.platforms.salesforce.simulator.schema import NUMBERS, TEXTS, Field, FieldType

_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")


def wire_moment(instant: datetime) -> str:
    """A datetime as the platform writes it: UTC, whole seconds, offset without colon."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def accepted(field: Field, value: Json) -> Json:
    """The value as it is stored. Raises Refusal."""
    if value is None:
        return False if field.type is FieldType.BOOLEAN else None
    if field.type in TEXTS:
        return _text(field, value)
    if field.type in NUMBERS:
        return _number(field, value)
    if field.type is FieldType.BOOLEAN and isinstance(value, bool):
        return value
    if field.type is FieldType.DATE and isinstance(value, str):
        return _date(field, value)
    if field.type is FieldType.DATETIME and isinstance(value, str):
        return _moment(field, value)
    if field.type is FieldType.REFERENCE and isinstance(value, str):
        return _reference(field, value)
    raise _cannot_read(field, value)


def _text(field: Field, value: Json) -> str | None:
    if not isinstance(value, str):
        raise _cannot_read(field, value)
    if len(value) > field.length:
        raise Refusal(
            400,
            "STRING_TOO_LONG",
            f"{field.name}: data value too large: {value[:40]}... (max length={field.length})",
            (field.name,),
        )
    if field.values and value not in field.values:
        raise Refusal(
            400,
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"{field.name}: bad value for restricted picklist field: {value}",
            (field.name,),
        )
    if field.type is FieldType.EMAIL and value and not _EMAIL.match(value):
        raise Refusal(
            400,
            "INVALID_EMAIL_ADDRESS",
            f"{field.name}: invalid email address: {value}",
            (field.name,),
        )
    return value or None


def _number(field: Field, value: Json) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _cannot_read(field, value)
    number = Decimal(value)
    if abs(number) >= Decimal(10) ** 16:
        raise Refusal(
            400,
            "NUMBER_OUTSIDE_VALID_RANGE",
            f"{field.name}: value outside of valid range on numeric field: {value}",
            (field.name,),
        )
    return number


def _date(field: Field, value: str) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError as error:
        raise _cannot_read(field, value) from error


def _moment(field: Field, value: str) -> str:
    try:
        instant = datetime.fromisoformat(value)
    except ValueError as error:
        raise _cannot_read(field, value) from error
    return wire_moment(instant if instant.tzinfo else instant.replace(tzinfo=UTC))


def _reference(field: Field, value: str) -> str:
    try:
        return to_18(value)
    except ValueError as error:
        raise Refusal(
            400,
            "MALFORMED_ID",
            f"{field.relationship} ID: id value of incorrect type: {value}",
            (field.name,),
        ) from error


def _cannot_read(field: Field, value: Json) -> Refusal:
    kind = {bool: "VALUE_TRUE", str: "VALUE_STRING"}.get(type(value), "VALUE_NUMBER")
    return Refusal(
        400,
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {field.type} from {kind} value {str(value)[:40]} "
        f"or request may be missing a required field at {field.name}",
    )
