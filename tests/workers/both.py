"""A workflow in a file of its own, since the sandbox reads the file that it is in."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow


@workflow.defn
class Both:
    """An activity `finish` on each queue, at once."""

    @workflow.run
    async def run(self, queues: list[str]) -> list[str]:
        calls = [
            workflow.execute_activity(
                "finish", task_queue=queue, start_to_close_timeout=timedelta(seconds=60)
            )
            for queue in queues
        ]
        return list(await asyncio.gather(*calls))
