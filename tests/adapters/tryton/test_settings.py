"""What a landscape may say about Tryton, and what is refused before anything starts."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from adapters.tryton import build
from adapters.tryton.settings import options_of, settings_of
from canonical.errors import SetupInvalid
from tests.adapters.tryton.builders import make_context, make_entity

PASSWORD = SecretStr("secret-password")


def test_a_password_is_not_sent_unencrypted_beyond_this_machine() -> None:
    context = make_context("http://erp.example", "erp", PASSWORD)
    with pytest.raises(SetupInvalid, match="unencrypted"):
        settings_of(context.system)


def test_a_private_network_may_be_allowed_on_purpose() -> None:
    system = make_context("http://erp.example", "erp", PASSWORD).system
    allowed = system.model_copy(update={"settings": {**system.settings, "plain_http": True}})
    assert settings_of(allowed).plain_http


def test_a_database_name_cannot_change_the_path() -> None:
    with pytest.raises(SetupInvalid, match="database"):
        settings_of(make_context("http://127.0.0.1:1", "erp/../other", PASSWORD).system)


def test_a_misspelt_option_names_entity_and_option() -> None:
    entity = make_entity()
    erp = entity.erp.model_copy(update={"options": {"jurnal": "REV"}})
    with pytest.raises(SetupInvalid, match=r"NC-DE, erp\.options, jurnal"):
        options_of(make_entity(erp=erp))


def test_a_missing_password_is_a_mistake_of_set_up() -> None:
    with pytest.raises(SetupInvalid, match="password"):
        build(make_context("http://127.0.0.1:1", "erp", SecretStr("")))


async def test_no_representation_shows_the_password() -> None:
    context = make_context("http://127.0.0.1:1", "erp", PASSWORD)
    ports = build(context)
    assert "secret-password" not in f"{context!r}{ports!r}"
    await ports.close()
