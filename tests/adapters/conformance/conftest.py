"""Runs each test of the suite once per scenario of every adapter found."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

import pytest
import pytest_asyncio

from tests.adapters.conformance.driver import AnyDriver, Bench, drivers

SCENARIOS: dict[str, Callable[[AnyDriver], Sequence[object]]] = {
    "read": lambda driver: driver.reads,
    "read_of_missing": lambda driver: [read for read in driver.reads if read.missing],
    "write": lambda driver: driver.writes,
    "write_of_bad_data": lambda driver: [write for write in driver.writes if write.rejected],
    "create": lambda driver: driver.creates,
    "create_of_bad_data": lambda driver: [each for each in driver.creates if each.rejected],
    "feed": lambda driver: driver.feeds,
    "drift": lambda driver: driver.drifts,
}
"""The arguments that a test of the suite may have beside `driver`: one run per scenario."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "driver" not in metafunc.fixturenames:
        return
    wanted = next((name for name in SCENARIOS if name in metafunc.fixturenames), None)
    found = sorted(drivers().items())
    if wanted is None:
        metafunc.parametrize("driver", [pytest.param(driver, id=name) for name, driver in found])
        return
    parameters = [
        pytest.param(driver, scenario, id=f"{name}-{scenario}")
        for name, driver in found
        for scenario in SCENARIOS[wanted](driver)
    ]
    metafunc.parametrize(("driver", wanted), parameters)


@pytest_asyncio.fixture
async def bench(driver: AnyDriver, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    async with driver.open(request) as opened:
        yield opened
