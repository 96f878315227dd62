"""Samples of what runs, to be replayed before a deploy."""

from __future__ import annotations

import asyncio

from runtime.temporal import data_converter
from tests.workflows.bench import PATIENCE_S, Bench
from workers.histories import Replayed, replay, replayer, running
from workflows import names
from workflows.intake import Feed, Intake, IntakeState


async def sampled(bench: Bench, id: str) -> Replayed:
    """The replay of one running workflow; the server lists it a moment after it started."""
    today = replayer(data_converter())
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async for name, history in running(bench.client, 1_000):
                if name == id:
                    return await replay(today, name, history)
            await asyncio.sleep(0.1)


async def test_a_running_workflow_is_found_and_replayed(bench: Bench) -> None:
    system = bench.world.systems.psa
    state = IntakeState(system=system, feeds=(Feed.ITEMS,), interval_s=3_600)
    id = (await bench.start(Intake.run, state, names.intake(system))).id
    await bench.until_page_says(id, "the next turn")
    assert (await sampled(bench, id)).problem == ""


async def test_a_running_workflow_that_the_code_no_longer_knows_is_a_problem(
    bench: Bench,
) -> None:
    await bench.listen()
    assert "Ear" in (await sampled(bench, bench.engagement)).problem
