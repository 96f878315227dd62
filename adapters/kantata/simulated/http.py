"""Reads requests as the vendor does: JSON or form bodies, both path suffixes."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from pydantic import JsonValue, TypeAdapter, ValidationError

from adapters.kantata.simulated.problems import Refused, bad_request

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BODY_BYTES_MAX = 20_000_000
OBJECT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


@dataclass(frozen=True)
class Request:
    method: str
    path: tuple[str, ...]
    params: Mapping[str, str]
    token: str
    body: Mapping[str, object]


async def read_request(scope: Scope, receive: Receive) -> Request:
    """Raises Refused (400) for a body that is neither JSON nor a form."""
    headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
    content = await _read_body(receive)
    path = scope["path"].removesuffix(".json")
    return Request(
        method=scope["method"],
        path=tuple(part for part in path.split("/") if part),
        params=dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)),
        token=headers.get("authorization", "").removeprefix("Bearer "),
        body=_parse(headers.get("content-type", ""), content),
    )


async def _read_body(receive: Receive) -> bytes:
    content = bytearray()
    while True:
        message = await receive()
        content += message.get("body", b"")
        if len(content) > BODY_BYTES_MAX:
            raise Refused(413, "system", "the body is too large")
        if not message.get("more_body", False):
            return bytes(content)


def _parse(content_type: str, content: bytes) -> Mapping[str, object]:
    if not content:
        return {}
    if content_type.startswith("application/x-www-form-urlencoded"):
        return _form(content.decode())
    try:
        return OBJECT.validate_json(content)
    except ValidationError as error:
        raise bad_request("the body is not a JSON object") from error


def _form(text: str) -> dict[str, object]:
    """Rails-style names: `time_entry[notes]=x`, `invoice[time_entry_ids][]=1`."""
    root: dict[str, object] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        first, *rest = name.replace("]", "").split("[")
        target, key = root, first
        for part in rest:
            if part == "":
                break
            inner = target.setdefault(key, {})
            if not isinstance(inner, dict):
                raise bad_request(f"{name} is both a value and a group")
            target, key = inner, part
        if rest and rest[-1] == "":
            listed = target.setdefault(key, [])
            if isinstance(listed, list):
                listed.append(value)
        else:
            target[key] = value
    return root


async def answer(
    send: Send,
    status: int,
    body: object,
    request_id: str,
    headers: Mapping[str, str] | None = None,
) -> None:
    content = b"" if status == 204 else json.dumps(body, default=str).encode()
    shown = {
        "content-type": "application/json; charset=utf-8",
        "content-length": str(len(content)),
        "x-request-id": request_id,
        "x-runtime": "0.01",
        **(headers or {}),
    }
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode(), value.encode()) for name, value in shown.items()],
        }
    )
    await send({"type": "http.response.body", "body": content})


async def drop(send: Send) -> None:
    """Promise a body and do not send it: the server then closes the connection."""
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-length", b"1000000")],
        }
    )


async def lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
