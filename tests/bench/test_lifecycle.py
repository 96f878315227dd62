"""The slope: what one more engagement costs, whatever starting up cost."""

from __future__ import annotations

import asyncio
import os

import pytest

from bench.common import peak_of
from bench.lifecycle import slope


def test_what_is_done_once_is_not_part_of_the_slope() -> None:
    assert slope([(0, 17), (1, 117), (5, 277), (20, 877)]) == pytest.approx(40)


def test_a_single_reading_is_compared_with_the_start() -> None:
    assert slope([(0, 12), (2, 92)]) == pytest.approx(40)


def test_chance_is_evened_out_over_the_readings() -> None:
    assert slope([(0, 0), (1, 41), (2, 79), (3, 121)]) == pytest.approx(40)


async def test_the_peak_is_the_most_memory_that_the_process_ever_had() -> None:
    async with peak_of(os.getpid()) as peak:
        await asyncio.sleep(0)
    assert peak.megabytes > 10
