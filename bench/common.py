"""What the measuring scripts share: a firm on this machine, its counters, and the last line."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.exit import end_process
from store.engine import create_engine, transaction
from workers.demo.story import Story
from workers.local import landscape as places
from workers.local.stack import LocalStack, StackOptions
from workflows import names

RARELY_S = 36_000.0
"""The intakes' interval: they read when they are told to, so that polling adds no chance."""

COUNTER_QUIET_S = 2.0
"""The server reports its counter about a second late."""
SAMPLE_EVERY_S = 0.05
LOOK_EVERY_S = 0.25
MEGABYTE = 1024 * 1024


def arguments(purpose: str) -> argparse.ArgumentParser:
    """The options that every script has."""
    parser = argparse.ArgumentParser(
        description=purpose, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="smaller counts, under 40 s")
    return parser


def say(line: str) -> None:
    """Progress; the figures are on standard output."""
    print(line, file=sys.stderr, flush=True)


def finish(work: Coroutine[Any, Any, dict[str, object]], *, failed_if: str = "") -> None:
    """Run, print the figures as the last line, and leave: 1 if the figure `failed_if` is not
    empty."""
    logging.getLogger().setLevel(logging.ERROR)
    figures = asyncio.run(work)
    print(json.dumps(figures), flush=True)
    end_process(1 if failed_if and figures[failed_if] else 0)


class Firm:
    """The local stack, seen from outside: what it costs, and what it holds."""

    def __init__(self, stack: LocalStack, engine: AsyncEngine) -> None:
        self.stack, self.engine = stack, engine
        self.today: date = datetime.now(UTC).date()
        self._sold = 0

    def story(self, patience_s: float) -> Story:
        """An engagement that is about to begin; the people are there."""
        story = Story(self.stack, self.engine, self.today)
        story.patience_s = patience_s
        story.hire()
        return story

    def sell(self, story: Story) -> None:
        self._sold += 1
        story.sell(self._sold)

    async def nudge_intake(self, system: str) -> None:
        """Let the intake of a system read its feeds now."""
        await self.stack.client.get_workflow_handle(names.intake(system)).signal(names.NEWS)

    async def number(self, query: str, **values: object) -> int:
        """One number from our own database."""
        async with transaction(self.engine) as connection:
            return int(await connection.scalar(text(query), values) or 0)

    async def actions(self) -> Counter[str]:
        """The server's own counter of billed actions, by type, once it stands still."""
        seen, since = await self._actions_now(), time.monotonic()
        while time.monotonic() - since < COUNTER_QUIET_S:
            await asyncio.sleep(LOOK_EVERY_S)
            now = await self._actions_now()
            if now != seen:
                seen, since = now, time.monotonic()
        return seen

    async def _actions_now(self) -> Counter[str]:
        async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
            metrics = (await http.get(self.stack.temporal.metrics_url)).text
        counted = Counter[str]()
        for family in text_string_to_metric_families(metrics):
            for sample in family.samples:
                ours = sample.labels.get("namespace") == "default"
                if ours and sample.name in ("action", "action_total"):
                    counted[sample.labels["action_type"]] += int(sample.value)
        return counted

    async def background_actions(self) -> int:
        """Of the actions, those of intakes: nudges, reads and timers, counted in histories."""
        total = 0
        for system in (places.CRM, places.PSA, places.ERP):
            handle = self.stack.client.get_workflow_handle(names.intake(system))
            async for event in handle.fetch_history_events():
                total += event.WhichOneof("attributes") in _BILLED
        return total

    def vendor_calls(self) -> int:
        """Requests that the outside systems received, as they counted them."""
        return sum(self.stack.vendor_calls().values())


_BILLED = (
    "activity_task_scheduled_event_attributes",
    "timer_started_event_attributes",
    "workflow_execution_signaled_event_attributes",
    "upsert_workflow_search_attributes_event_attributes",
)


@asynccontextmanager
async def open_firm(*, poll_interval_s: float = RARELY_S) -> AsyncIterator[Firm]:
    """The whole stack in a directory of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="c2c-bench-", ignore_cleanup_errors=True) as directory:
        options = StackOptions(directory=Path(directory), poll_interval_s=poll_interval_s)
        async with LocalStack(options) as stack:
            engine = create_engine(stack.settings.database_url.get_secret_value())
            try:
                yield Firm(stack, engine)
            finally:
                await engine.dispose()


class Peak:
    """The largest resident memory that a process was seen with, in megabytes."""

    def __init__(self) -> None:
        self.megabytes = 0.0

    async def watch(self, pid: int) -> None:
        """Sample until cancelled, or until the process has ended."""
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            while True:
                self.megabytes = max(self.megabytes, process.memory_info().rss / MEGABYTE)
                await asyncio.sleep(SAMPLE_EVERY_S)


@asynccontextmanager
async def peak_of(pid: int) -> AsyncIterator[Peak]:
    peak = Peak()
    watching = asyncio.create_task(peak.watch(pid))
    try:
        yield peak
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
