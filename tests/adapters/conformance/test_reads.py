"""Reads: repeatable, honest about absence, patient with a busy or broken system."""

from __future__ import annotations

import asyncio

import pytest

from canonical.errors import RecordMissing, SystemBusy, SystemRefusesUs, SystemUnavailable
from tests.adapters.conformance.driver import AnyDriver, Bench, Read


async def test_reading_twice_tells_the_same(
    driver: AnyDriver, bench: Bench, read: Read[Bench]
) -> None:
    assert await read.call(bench) == await read.call(bench)


async def test_a_record_that_is_not_there_is_missing(
    driver: AnyDriver, bench: Bench, read_of_missing: Read[Bench]
) -> None:
    assert read_of_missing.missing is not None
    with pytest.raises(RecordMissing):
        await read_of_missing.missing(bench)


async def test_a_busy_system_names_the_time_of_the_next_try(
    driver: AnyDriver, bench: Bench, read: Read[Bench]
) -> None:
    await bench.faults.busy_once(retry_after_s=7)
    with pytest.raises(SystemBusy) as busy:
        await read.call(bench)
    assert busy.value.retry_after_s == 7
    await read.call(bench)


async def test_a_system_that_is_down_for_a_moment_is_read_at_the_next_try(
    driver: AnyDriver, bench: Bench, read: Read[Bench]
) -> None:
    await bench.faults.down_once()
    with pytest.raises(SystemUnavailable):
        await read.call(bench)
    await read.call(bench)


async def test_an_expired_token_is_renewed_once_for_all_who_wait(
    driver: AnyDriver, bench: Bench
) -> None:
    read = driver.reads[0]
    await read.call(bench)
    logins = bench.faults.logins()
    await bench.faults.expire_token()
    if not driver.renews:
        with pytest.raises(SystemRefusesUs):
            await read.call(bench)
        return
    await asyncio.gather(*(read.call(bench) for _ in range(3)))
    assert bench.faults.logins() == logins + 1


async def test_refused_credentials_are_told_as_such(driver: AnyDriver, bench: Bench) -> None:
    await bench.faults.refuse_credentials()
    with pytest.raises(SystemRefusesUs):
        await driver.reads[0].call(bench)
