"""The commands of the Makefile and its scripts, as a newcomer meets them."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from runtime.settings import child_environment
from tests.runtime.compose import ROOT

EVERYDAY = {"help", "setup", "demo", "test", "check", "format", "lock", "clean", "distclean"}
OCCASIONAL = {"replay", "record", "certify", "soak", "bench"}


def run(
    command: list[str | Path], directory: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=directory,
        env=child_environment({"MAKEFLAGS": "", "MAKELEVEL": "", **environment}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files that set-up begins with, in a folder of its own."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / "scripts").mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements/lock.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    for script in (ROOT / "scripts").iterdir():
        copy = tmp_path / "scripts" / script.name
        copy.write_bytes(script.read_bytes())
        copy.chmod(0o755)
    return tmp_path


def old_python(directory: Path) -> Path:
    """A program that behaves like a Python that is too old."""
    path = directory / "python3.9"
    path.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 && exit 0\nexit 1\n')
    path.chmod(0o755)
    return path


def test_make_alone_lists_every_target_with_one_line() -> None:
    listed = re.findall(r"^  make (\w+) +\S", run(["make"]).stdout, re.MULTILINE)
    assert set(listed) == EVERYDAY | OCCASIONAL


def test_an_old_python_is_refused_with_a_remedy(clone: Path) -> None:
    ended = run(["make", "setup", f"PYTHON={old_python(clone)}"], clone)
    assert ended.returncode != 0
    assert "Python 3.9.2, and 3.11 or newer is needed" in ended.stderr
    assert not (clone / ".venv").exists()


def test_a_python_that_is_not_there_is_named(clone: Path) -> None:
    ended = run(["make", "setup", "PYTHON=no-such-python"], clone)
    assert ended.returncode != 0
    assert "there is no 'no-such-python' here" in ended.stderr


@pytest.mark.parametrize("changed", ["requirements/lock.txt", "pyproject.toml"])
def test_a_change_of_the_dependencies_asks_for_a_new_set_up(clone: Path, changed: str) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv" / ".ready").touch()
    assert run(["make", "-q", "setup"], clone).returncode == 0
    later = (clone / ".venv" / ".ready").stat().st_mtime + 1
    os.utime(clone / changed, (later, later))
    assert run(["make", "-q", "setup"], clone).returncode == 1


def test_distclean_removes_the_cache_that_the_project_marked(clone: Path) -> None:
    cache = clone / "cache"
    cache.mkdir()
    (cache / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55")
    assert run(["make", "distclean"], clone, C2C_CACHE_DIR=str(cache)).returncode == 0
    assert not cache.exists()


def test_distclean_leaves_a_folder_that_is_no_cache(clone: Path) -> None:
    precious = clone / "precious"
    precious.mkdir()
    ended = run(["make", "distclean"], clone, C2C_CACHE_DIR=str(precious))
    assert ended.returncode != 0
    assert "Remove it yourself" in ended.stderr
    assert precious.exists()


def test_clean_removes_environment_and_state_and_keeps_the_sources(clone: Path) -> None:
    for name in (".venv", ".local", "runtime/__pycache__"):
        (clone / name).mkdir(parents=True)
    (clone / "runtime" / "settings.py").touch()
    assert run(["make", "clean"], clone).returncode == 0
    assert not (clone / ".venv").exists()
    assert not (clone / ".local").exists()
    assert [path.name for path in (clone / "runtime").iterdir()] == ["settings.py"]


def test_continuous_integration_runs_the_commands_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert "timed make check && timed make test" in script
    assert "make check test" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize(("failing", "code"), [("none", 0), ("check", 1), ("test", 1)])
def test_continuous_integration_fails_when_one_of_them_fails(
    clone: Path, failing: str, code: int
) -> None:
    (clone / ".ci").mkdir()
    (clone / ".ci" / "run").write_bytes((ROOT / ".ci" / "run").read_bytes())
    bodies = (f"{t}:\n\t@{'false' if t == failing else 'true'}\n" for t in ("check", "test"))
    (clone / "Makefile").write_text("".join(bodies))
    assert run(["bash", ".ci/run"], clone).returncode == code
