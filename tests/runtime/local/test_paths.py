"""Folders: the user's cache where the user says, the clone's state inside the clone."""

from pathlib import Path

import pytest

from runtime.local.paths import cache_directory, state_directory

pytestmark = pytest.mark.usefixtures("clean_environment")


def test_the_cache_is_where_its_own_variable_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("C2C_CACHE_DIR", str(tmp_path / "mine"))
    assert cache_directory() == tmp_path / "mine"


def test_otherwise_the_cache_is_below_the_users_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory() == tmp_path / "client-to-cash"


def test_without_any_variable_the_cache_is_in_the_home_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_directory() == tmp_path / ".cache" / "client-to-cash"


def test_the_cache_is_private_and_marked_as_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("C2C_CACHE_DIR", str(tmp_path / "mine"))
    assert cache_directory().stat().st_mode & 0o077 == 0
    tag = (cache_directory() / "CACHEDIR.TAG").read_text()
    assert tag.startswith("Signature: 8a477f597d28d172789f06886806bc55")


def test_the_state_is_inside_the_clone(tmp_path: Path) -> None:
    assert state_directory(tmp_path) == tmp_path / ".local"
    assert (tmp_path / ".local").is_dir()
