"""What can go wrong between us and Tryton, and the little HTTP that the fault proxy needs."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

BODY_BYTES_MAX: Final = 50_000_000


class FaultKind(StrEnum):
    """What goes wrong. After "passed on" the server has done the work."""

    LOSE_ANSWER = "lose_answer"
    """Passed on; when the server has answered, the proxy hangs up without a word."""
    HANG = "hang"
    """Passed on; the answer never comes, until the caller gives up."""
    COMMIT_LATE = "commit_late"
    """The proxy hangs up at once and passes the call on `delay_s` later, or when `land` is called
    (what comes first)."""
    HANG_UP = "hang_up"
    """Not passed on: the proxy hangs up."""
    ANSWER_BEFORE = "answer_before"
    """Not passed on: `status` is answered, with `retry_after_s` if given."""
    ANSWER_AFTER = "answer_after"
    """Passed on; `status` is answered in place of the server's answer."""
    DELAY = "delay"
    """Passed on `delay_s` later; the answer is the server's."""
    ALTER = "alter"
    """Passed on; in every record of the answer `field` is removed, or becomes `value`."""
    EXPIRE_SESSION = "expire_session"
    """Not passed on: 401, as for every later call of this session."""


class Fault(BaseModel):
    """One thing that goes wrong for the next `times` calls of a method."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind
    method: str = "*"
    """JSON-RPC methods, `*` for any characters, `|` between several: `model.account.invoice.*`."""
    times: int = Field(default=1, ge=1, le=10_000)
    status: int = Field(default=503, ge=400, le=599)
    retry_after_s: int | None = Field(default=None, ge=0)
    delay_s: float = Field(default=0, ge=0, le=600)
    field: str = ""
    value: JsonValue = None

    def concerns(self, method: str) -> bool:
        return any(fnmatchcase(method, pattern) for pattern in self.method.split("|"))


class _Call(BaseModel):
    """What the proxy reads of a JSON-RPC request."""

    method: str = ""


@dataclass(frozen=True)
class Request:
    """One HTTP request, as it came."""

    line: bytes
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def verb_and_path(self) -> tuple[str, str]:
        verb, path, *_ = self.line.decode("latin-1").split(" ")
        return verb, path

    @property
    def method(self) -> str:
        """The JSON-RPC method, or the path of a request that is no call."""
        try:
            return _Call.model_validate_json(self.body).method
        except ValidationError:
            return self.verb_and_path[1]

    def raw(self) -> bytes:
        """For the server: one request per connection, so that the answer ends with it."""
        headers = {**self.headers, b"connection": b"close"}
        head = [self.line, *(name + b": " + value for name, value in headers.items())]
        return b"\r\n".join([*head, b"", self.body])


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """One request with a known length; None for anything else."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    line, *fields = head[:-4].split(b"\r\n")
    pairs = (field.partition(b":") for field in fields)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    length = headers.get(b"content-length", b"0")
    if line.count(b" ") != 2 or not length.isdigit() or int(length) > BODY_BYTES_MAX:
        return None
    return Request(line, headers, await reader.readexactly(int(length)))


def status_answer(status: int, retry_after_s: int | None = None, *, body: bytes = b"") -> bytes:
    """An answer of the proxy's own."""
    wait = f"Retry-After: {retry_after_s}\r\n" if retry_after_s is not None else ""
    head = (
        f"HTTP/1.1 {status} Fault\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{wait}Connection: close\r\n\r\n"
    )
    return head.encode() + body


def altered(answer: bytes, fault: Fault) -> bytes:
    """A JSON-RPC answer whose records lost `field`, or have `value` there: the schema moved."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"content-encoding: gzip" in head.lower():
        body = gzip.decompress(body)
    envelope = _ENVELOPE.validate_json(body)
    result = envelope.get("result")
    for record in result if isinstance(result, list) else []:
        if isinstance(record, dict):
            _alter(record, fault)
    return status_answer(200, body=_ENVELOPE.dump_json(envelope))


def _alter(record: dict[str, JsonValue], fault: Fault) -> None:
    if "value" in fault.model_fields_set:
        record[fault.field] = fault.value
    else:
        record.pop(fault.field, None)


_ENVELOPE: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])
