"""A local stack's variables and secrets: its processes are told what the stack was made with."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from runtime.settings import Settings, load_settings
from workers.local.environment import environment_of
from workers.local.secrets import make_secrets


@pytest.fixture
def encrypted(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = make_secrets(tmp_path_factory.mktemp("encrypted"), "password")
    sealing = made.sealing("http://127.0.0.1:8233")
    keys = {**sealing, "audit_keys": made.audit_key}
    return Settings.model_validate({**settings.model_dump(), **keys})


@pytest.mark.usefixtures("c2c")
def test_the_variables_of_an_encrypted_stack_give_its_settings_again(
    encrypted: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment_of(encrypted).items():
        monkeypatch.setenv(name, value)
    assert load_settings() == encrypted


def test_the_token_of_a_stack_is_in_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    made = make_secrets(tmp_path, "password")
    token = made.codec_token_file.read_bytes()
    assert made.codec_reader == f"local:{hashlib.sha256(token).hexdigest()}"
    assert made.codec_token_file.stat().st_mode & 0o077 == 0
