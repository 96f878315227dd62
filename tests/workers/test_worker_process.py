"""The worker's process: it starts whole or says why, and stops cleanly when told."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.local.processes import ChildProcess
from runtime.settings import Settings
from store.environment import claim, owner_of
from workers.local.environment import environment_of

READY_SECONDS = 60.0


def start(settings: Settings, *arguments: str) -> ChildProcess:
    command = [sys.executable, "-m", "workers", "worker", *arguments]
    log = settings.landscape_path.parent / "worker.log"
    return ChildProcess.spawn("worker", command, log=log, environment=environment_of(settings))


def events(log: Path) -> list[str]:
    lines = (json.loads(line) for line in log.read_text().splitlines() if line.startswith("{"))
    return [str(each["event"]) for each in lines]


async def test_sigterm_ends_a_worker_at_once_when_it_has_nothing_to_finish(
    connected: Settings, engine: AsyncEngine
) -> None:
    worker = start(connected)

    async def ready() -> bool:
        return "worker.ready" in events(worker.log)

    await worker.wait_until_ready(ready, deadline_seconds=READY_SECONDS)
    assert await owner_of(engine) == connected.environment_id
    worker.signal(signal.SIGTERM)
    assert await worker.stop(deadline_seconds=20) == 0
    assert "worker.stopping" in events(worker.log)
    assert "Traceback" not in worker.log.read_text()


async def test_a_worker_refuses_the_database_of_another_environment(
    connected: Settings, engine: AsyncEngine
) -> None:
    await claim(engine, "production")
    worker = start(connected)
    assert await worker.wait() == 1
    said = worker.log.read_text()
    assert "DatabaseForeign: the database belongs to the environment 'production'" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("broken", ["{", "environment: [demo"], ids=["json", "yaml"])
async def test_a_worker_says_what_is_wrong_with_its_landscape(
    settings: Settings, broken: str
) -> None:
    settings.landscape_path.write_text(broken)
    worker = start(settings)
    assert await worker.wait() == 1
    assert "LandscapeInvalid" in worker.log.read_text()
    assert "Traceback" not in worker.log.read_text()
