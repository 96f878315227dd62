"""One run at a time has a folder of the clone's state."""

from pathlib import Path

import pytest

from runtime.local.own_directory import FolderTaken, own_directory


def test_what_an_earlier_run_left_is_removed(tmp_path: Path) -> None:
    with own_directory(tmp_path, "demo") as directory:
        directory.mkdir()
        (directory / "left.log").write_text("from an earlier run")
    with own_directory(tmp_path, "demo") as directory:
        assert not directory.exists()


def test_a_second_run_is_refused_and_takes_nothing_away(tmp_path: Path) -> None:
    with own_directory(tmp_path, "demo") as directory:
        directory.mkdir()
        (directory / "database").write_text("in use")
        with pytest.raises(FolderTaken, match="runs in this clone already"):
            own_directory(tmp_path, "demo").__enter__()
        assert (directory / "database").exists()


def test_demo_and_dev_do_not_disturb_each_other(tmp_path: Path) -> None:
    with own_directory(tmp_path, "demo") as demo, own_directory(tmp_path, "dev") as dev:
        assert demo != dev
