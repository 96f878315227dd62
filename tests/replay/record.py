"""Records the histories of all scenarios anew: `python -m tests.replay.record DIRECTORY`.

What `c2c record` runs. Each scenario has a bench of its own, on one real Temporal server.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from temporalio.client import Client

from runtime.exit import end_process
from runtime.local.temporal_server import TemporalServer
from runtime.temporal import data_converter
from tests.replay.command_order import FILE, command_order
from tests.replay.scenarios import SCENARIOS, Kept
from tests.workflows.bench import open_bench, server_options
from workers.histories import write_history

CONTINUE_AS_NEW_AFTER = 60
"""Fewer events than in the tests, so that the files stay small."""


async def record(directory: Path) -> list[Path]:
    """Run every scenario and write what it keeps; the files written."""
    with tempfile.TemporaryDirectory(prefix="c2c-record-") as state:
        async with TemporalServer(Path(state), server_options(CONTINUE_AS_NEW_AFTER)) as server:
            client = await Client.connect(server.address, data_converter=data_converter())
            return [
                path
                for number in range(len(SCENARIOS))
                for path in await _record(client, number, directory)
            ]


async def _record(client: Client, number: int, directory: Path) -> list[Path]:
    async with open_bench(client, number + 1, cache_size=1000) as bench:
        kept = await SCENARIOS[number](bench)
        return [await _written(client, each, directory) for each in kept]


async def _written(client: Client, kept: Kept, directory: Path) -> Path:
    handle = client.get_workflow_handle(kept.id, run_id=kept.run_id)
    return write_history(directory, kept.workflow, kept.outcome, await handle.fetch_history())


def main() -> None:
    """Replace the histories, and the order of commands beside them."""
    directory = Path(sys.argv[1])
    shutil.rmtree(directory, ignore_errors=True)
    paths = asyncio.run(record(directory))
    (directory.parent / FILE.name).write_text(command_order(sorted(paths)), encoding="utf-8")
    for path in paths:
        print(path)
    end_process(0)


if __name__ == "__main__":
    main()
