"""An ASGI application served on a loopback port by this process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import uvicorn

HOST = "127.0.0.1"
ADMIN_PATHS = ("/admin", "/_admin")


class AsgiServer:
    """Listens from construction on, so that its address is known before the app exists."""

    def __init__(self, port: int = 0) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((HOST, port))
        self.url = f"http://{HOST}:{self._socket.getsockname()[1]}"
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None
        self.app: Any = None
        self.calls = 0
        """Requests received, without those of administrators."""

    async def __aenter__(self) -> Self:
        config = uvicorn.Config(
            self._counted, interface="asgi3", log_config=None, access_log=False, ws="none"
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve([self._socket]))
        while not self._server.started:
            if self._task.done():
                await self._task
            await asyncio.sleep(0.01)
        return self

    async def _counted(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(ADMIN_PATHS):
            self.calls += 1
        await self.app(scope, receive, send)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
        self._socket.close()


class _Server(uvicorn.Server):
    """Leaves signals to the process that it is a guest in."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
