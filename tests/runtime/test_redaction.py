"""Redaction: secrets by name and passwords in addresses, and nothing else."""

import pytest
from pydantic import SecretStr

from runtime.redaction import REDACTED, redact_event, redacted, redacted_text

SECRET_NAMES = (
    "password db_passwd client_secret access_token apiKey api-key Authorization private_key "
    "Set-Cookie jwt_assertion webhook-signature proof iban"
)


@pytest.mark.parametrize("name", SECRET_NAMES.split())
def test_a_field_with_a_secret_looking_name_is_redacted(name: str) -> None:
    assert redact_event(None, "info", {name: "hidden"}) == {name: REDACTED}


@pytest.mark.parametrize("name", ["event", "invoice_id", "idempotency_key", "amount", "shipping"])
def test_a_field_with_an_ordinary_name_is_kept(name: str) -> None:
    assert redact_event(None, "info", {name: "kept"}) == {name: "kept"}


def test_secrets_are_found_inside_dictionaries_and_lists() -> None:
    event = redact_event(None, "info", {"request": {"headers": [{"authorization": "hidden"}]}})
    assert event == {"request": {"headers": [{"authorization": REDACTED}]}}


def test_secret_values_and_raw_bytes_are_redacted_under_any_name() -> None:
    assert redacted([SecretStr("hidden"), b"hidden"]) == [REDACTED, REDACTED]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://u:hidden@h/d", f"postgresql://u:{REDACTED}@h/d"),
        ("Authorization: Bearer abcdef123456", f"Authorization: Bearer {REDACTED}"),
        ("see https://example.com/a:b@c", "see https://example.com/a:b@c"),
        ("basic facts", "basic facts"),
    ],
)
def test_passwords_and_bearer_tokens_are_cut_out_of_text(text: str, expected: str) -> None:
    assert redacted_text(text) == expected


def test_nesting_that_never_ends_is_cut_off() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert "<list>" in repr(redacted(endless))
