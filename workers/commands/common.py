"""What commands share: settings, an event loop with signals, and tables for people."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

from rich.console import Console

from runtime.logs import configure_logs
from runtime.settings import Settings, load_settings

T = TypeVar("T")

out = Console(highlight=False)
"""Where commands speak to people; logs go to standard error."""


def settings_with_logs() -> Settings:
    """The settings of this process, with its logs configured. Raises SettingsError."""
    settings = load_settings()
    configure_logs(settings)
    return settings


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


async def until_stopped() -> None:
    """Until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
