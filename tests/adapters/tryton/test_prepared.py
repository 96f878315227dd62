"""The cache: what is whole is used, what is damaged is made again, two makers do not clash."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

from adapters.tryton.local import cache
from adapters.tryton.local.launch import prepare
from adapters.tryton.local.prepared import Credentials, load
from tests.adapters.tryton.plant import Plant


async def test_a_prepared_erp_is_found_again_without_work(plant: Plant) -> None:
    steps: list[str] = []
    erp = await prepare(lambda step, fraction: steps.append(step))
    assert (erp, steps) == (plant.erp, [])


def copy_of(prepared: Path, target: Path) -> Path:
    target.mkdir()
    for file in prepared.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


async def test_a_damaged_dump_does_not_count_as_prepared(plant: Plant, tmp_path: Path) -> None:
    copy = copy_of(plant.erp.prepared.directory, tmp_path / "copy")
    assert load(copy) is not None
    dump = copy / "erp.dump"
    dump.write_bytes(dump.read_bytes()[:-1])
    assert load(copy) is None


async def test_a_directory_without_credentials_does_not_count_as_prepared(
    plant: Plant, tmp_path: Path
) -> None:
    copy = copy_of(plant.erp.prepared.directory, tmp_path / "copy")
    (copy / "credentials.json").unlink()
    assert load(copy) is None


async def test_credentials_are_random_private_and_never_shown(plant: Plant) -> None:
    path = plant.erp.prepared.directory / "credentials.json"
    credentials = plant.erp.prepared.credentials
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Credentials.model_validate_json(path.read_text()) == credentials
    assert credentials.api_password.get_secret_value() not in f"{credentials!r}{plant.erp!r}"


async def test_only_one_maker_works_at_a_time(tmp_path: Path) -> None:
    at_work, most = 0, 0

    async def make() -> None:
        nonlocal at_work, most
        async with cache.only_one(tmp_path / "erp.lock"):
            at_work += 1
            most = max(most, at_work)
            await asyncio.sleep(0)
            at_work -= 1

    await asyncio.gather(*(make() for _ in range(3)))
    assert (at_work, most) == (0, 1)


def test_another_python_or_other_packages_have_another_key() -> None:
    assert cache.key_of(b"trytond==8.0.12") != cache.key_of(b"trytond==8.0.13")
    assert cache.key_of(b"a", b"bc") != cache.key_of(b"ab", b"c")


def test_a_builder_that_crashed_leaves_nothing_behind_for_the_next(tmp_path: Path) -> None:
    crashed = cache.fresh_directory(tmp_path / "database", ".unfinished-1")
    (crashed / "half").write_text("a dump")
    fresh = cache.fresh_directory(tmp_path / "database", ".unfinished-2")
    assert (list(tmp_path.iterdir()), list(fresh.iterdir())) == ([fresh], [])
