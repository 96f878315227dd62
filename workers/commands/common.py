"""What commands share: settings, an event loop with signals, and tables for people."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

from rich.console import Console
from temporalio.client import Client
from temporalio.runtime import Runtime

from canonical.errors import SystemUnavailable
from runtime.logs import configure_logs
from runtime.settings import Settings, load_settings
from runtime.temporal import connect

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


def as_utc(moment: datetime | None) -> datetime | None:
    """What people wrote without a zone is UTC, whatever the zone of this machine."""
    return None if moment is None else moment.replace(tzinfo=moment.tzinfo or UTC)


async def reach_temporal(
    settings: Settings, identity: str, sdk_runtime: Runtime | None = None
) -> Client:
    """Raises SystemUnavailable when the Temporal server does not answer."""
    try:
        return await connect(settings, identity=identity, sdk_runtime=sdk_runtime)
    except RuntimeError as error:
        raise SystemUnavailable(
            "temporal",
            f"no server answers at {settings.temporal_address}; start it, or correct "
            "C2C_TEMPORAL_ADDRESS",
        ) from error


async def until_stopped() -> None:
    """Until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
