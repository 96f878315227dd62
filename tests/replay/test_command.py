"""`c2c replay`: its exit code is what a deploy waits for."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from runtime.settings import child_environment
from tests.replay.histories_kept import DIRECTORY


def replayed(directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "workers", "replay", str(directory)],
        env=child_environment({}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_histories_that_the_code_still_follows_pass() -> None:
    done = replayed(DIRECTORY / "Reconcile")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "2 histories replayed, 0 differ")


def test_a_history_that_the_code_does_not_follow_fails_by_its_name(tmp_path: Path) -> None:
    other = tmp_path / "Reconcile" / "other.json"
    other.parent.mkdir()
    shutil.copy(DIRECTORY / "Reconcile" / "done.json", other)
    other.write_text(other.read_text().replace('"compare_day"', '"compare_month"'))
    done = replayed(tmp_path)
    assert done.returncode == 1
    assert "differs Reconcile/other" in done.stdout


def test_a_folder_that_holds_none_is_refused_with_a_remedy(tmp_path: Path) -> None:
    done = replayed(tmp_path)
    assert done.returncode == 1
    assert "there is no history" in done.stderr
