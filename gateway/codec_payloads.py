"""Payloads as the remote codec protocol writes them: `{"payloads": [...]}`, bytes in base64."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Final

from google.protobuf import json_format
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import to_json
from temporalio.api.common.v1 import Payload

from gateway import strict_json

PAYLOADS_MAX: Final = 1_000
METADATA_MAX: Final = 100


class PayloadsInvalid(ValueError):
    """A body that is not of the protocol. The message names places, never contents."""


def _is_base64(text: str | None) -> str | None:
    """Standard or URL-safe, padded or not: the protobuf library reads garbage as nothing."""
    plain = (text or "").rstrip("=").replace("-", "+").replace("_", "/")
    try:
        base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("it is not base64") from None
    return text


_Base64 = Annotated[str, AfterValidator(_is_base64)]


class _Payload(BaseModel):
    """The form of one payload; what newer senders add is left to the protobuf library."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)

    metadata: Annotated[dict[str, _Base64], Field(max_length=METADATA_MAX)] | None = None
    data: _Base64 | None = None


class _Body(BaseModel):
    """Without a payload the protobuf form is `{}`: the CLI asks so of a query without arguments."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    payloads: Annotated[list[_Payload], Field(max_length=PAYLOADS_MAX)] | None = None


_BODY: Final = TypeAdapter(_Body)


def read(body: bytes) -> list[Payload]:
    """Raises PayloadsInvalid."""
    try:
        found = _BODY.validate_python(strict_json.parse(body))
    except strict_json.JsonInvalid:
        raise PayloadsInvalid("the body is not JSON") from None
    except ValidationError as invalid:
        raise PayloadsInvalid(_first_problem(invalid)) from None
    try:
        return [
            json_format.ParseDict(each.model_dump(exclude_none=True), Payload())
            for each in found.payloads or ()
        ]
    except json_format.ParseError:
        raise PayloadsInvalid("a payload has a field that this version does not know") from None


def _first_problem(invalid: ValidationError) -> str:
    """Without names of metadata: those are the sender's."""
    error = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in error["loc"][:3])
    is_no_object = error["type"] == "model_type"
    reason = "it is not an object" if is_no_object else error["msg"]
    return f"{place or 'the body'}: {reason.removeprefix('Value error, ')}"


def write(payloads: Sequence[Payload]) -> bytes:
    """The body of an answer."""
    return to_json({"payloads": [json_format.MessageToDict(each) for each in payloads]})
