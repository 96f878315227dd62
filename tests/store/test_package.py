"""The wheel carries what the migrations read."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

from hatchling.builders.wheel import WheelBuilder

import store

ROOT = Path(store.__file__).parents[1]


def test_the_wheel_carries_every_migration_file(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    migrations = ROOT / "store" / "migrations"
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in migrations.rglob("*")
        if path.suffix in (".py", ".sql", ".mako")
    }
    assert wanted <= set(ZipFile(wheel).namelist())
    assert any(name.endswith("6_guards.sql") for name in wanted)
