"""Reaches a simulator in this process as if over a network: a lost answer is a transport error."""

from __future__ import annotations

import httpx


class InProcess(httpx.AsyncBaseTransport):
    """An ASGI simulator behind `httpx`. `lost` is what the simulator raises to drop an answer."""

    def __init__(self, app: object, lost: type[Exception]) -> None:
        self._inner = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # ASGI frameworks type their app as they like
        self._lost = lost

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._inner.handle_async_request(request)
        except self._lost as error:
            raise httpx.ReadTimeout("no answer came", request=request) from error
