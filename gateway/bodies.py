"""Reads a request's raw body, never more of it than allowed, and never for longer."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import ClientDisconnect, Request

from adapters.webhooks import DeliveryRefused

BODY_BYTES_MAX: Final = 256_000
BODY_SECONDS_MAX: Final = 10.0


async def read_limited(
    request: Request, bytes_max: int = BODY_BYTES_MAX, seconds_max: float = BODY_SECONDS_MAX
) -> bytes:
    """The raw bytes. Raises DeliveryRefused: 413 beyond the limit, 408 when they come too slowly.

    A body that announces its length is refused unread; one that does not is refused at the first
    byte too many.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > bytes_max:
        raise DeliveryRefused(413, f"body of {announced} bytes, at most {bytes_max} are read")
    try:
        async with asyncio.timeout(seconds_max):
            return await _collect(request, bytes_max)
    except TimeoutError:
        raise DeliveryRefused(408, f"body not complete after {seconds_max} s") from None
    except ClientDisconnect:
        raise DeliveryRefused(400, "the sender left before the body was complete") from None


async def _collect(request: Request, bytes_max: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            raise DeliveryRefused(413, f"body without length beyond {bytes_max} bytes")
    return bytes(body)
