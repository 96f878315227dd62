"""Writes to a system that may lie: whatever happens to answers, a write is in force once."""

from __future__ import annotations

import pytest

from canonical.errors import (
    DataRejected,
    OutcomeUnknown,
    SystemBusy,
    SystemUnavailable,
)
from tests.adapters.conformance.driver import AnyDriver, Bench, Create, Write


async def test_a_write_is_in_force_once_however_often_it_is_repeated(
    driver: AnyDriver, bench: Bench, write: Write[Bench]
) -> None:
    assert await write.effects(bench) == 0
    first = await write.call(bench)
    again = await write.call(bench)
    assert (again, await write.effects(bench)) == (first, 1)


async def test_a_write_whose_answer_was_lost_is_found_by_the_next_try(
    driver: AnyDriver, bench: Bench, write: Write[Bench]
) -> None:
    await bench.faults.lose_next_write_answer()
    with pytest.raises((SystemUnavailable, OutcomeUnknown)):
        await write.call(bench)
    assert await write.effects(bench) == 1
    found = await write.call(bench)
    assert (await write.call(bench), await write.effects(bench)) == (found, 1)


async def test_a_write_that_commits_late_is_in_force_once(
    driver: AnyDriver, bench: Bench, write: Write[Bench]
) -> None:
    await bench.faults.delay_next_write()
    with pytest.raises((SystemUnavailable, OutcomeUnknown)):
        await write.call(bench)
    assert await write.effects(bench) == 0
    found = await write.call(bench)
    await bench.faults.land()
    assert (await write.call(bench), await write.effects(bench)) == (found, 1)


async def test_a_write_to_a_busy_system_changes_nothing_and_waits(
    driver: AnyDriver, bench: Bench, write: Write[Bench]
) -> None:
    await bench.faults.busy_once(retry_after_s=7)
    with pytest.raises(SystemBusy) as busy:
        await write.call(bench)
    assert (busy.value.retry_after_s, await write.effects(bench)) == (7, 0)


async def test_data_that_the_system_refuses_is_told_with_its_fields(
    driver: AnyDriver, bench: Bench, write_of_bad_data: Write[Bench]
) -> None:
    assert write_of_bad_data.rejected is not None
    with pytest.raises(DataRejected) as refused:
        await write_of_bad_data.rejected(bench)
    assert refused.value.fields
    assert await write_of_bad_data.effects(bench) == 0


async def test_a_create_whose_answer_was_lost_is_in_doubt_and_found_by_our_key(
    driver: AnyDriver, bench: Bench, create: Create[Bench]
) -> None:
    await bench.faults.lose_next_write_answer()
    with pytest.raises(OutcomeUnknown):
        await create.call(bench)
    assert len(await create.find(bench)) == 1


async def test_a_create_that_commits_late_is_in_doubt_and_found_afterwards(
    driver: AnyDriver, bench: Bench, create: Create[Bench]
) -> None:
    await bench.faults.delay_next_write()
    with pytest.raises(OutcomeUnknown):
        await create.call(bench)
    assert len(await create.find(bench)) == 0
    await bench.faults.land()
    assert len(await create.find(bench)) == 1


async def test_a_create_at_a_busy_system_leaves_nothing(
    driver: AnyDriver, bench: Bench, create: Create[Bench]
) -> None:
    await bench.faults.busy_once(retry_after_s=7)
    with pytest.raises(SystemBusy):
        await create.call(bench)
    assert len(await create.find(bench)) == 0


async def test_a_create_of_bad_data_is_refused_and_leaves_nothing(
    driver: AnyDriver, bench: Bench, create_of_bad_data: Create[Bench]
) -> None:
    assert create_of_bad_data.rejected is not None
    with pytest.raises(DataRejected):
        await create_of_bad_data.rejected(bench)
    assert len(await create_of_bad_data.find(bench)) == 0
