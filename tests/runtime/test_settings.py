"""Settings: read from the environment, or refused with the variable, the reason and the remedy."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from runtime.settings import Settings, SettingsError, environment_secret, load_settings
from tests.runtime.conftest import encoded_key

pytestmark = pytest.mark.usefixtures("clean_environment")


DIGEST = "0f" * 32
THREE_TOKENS = ",".join(f"ada:{digit * 64}" for digit in "123")


def refusal() -> str:
    with pytest.raises(SettingsError) as refused:
        load_settings()
    return str(refused.value)


def test_an_empty_environment_gives_defaults_for_this_machine() -> None:
    settings = load_settings()
    assert settings.temporal_address == "localhost:7233"
    assert settings.seconds_per_business_day == 86400
    assert settings.payload_keys == ()


def test_a_database_on_a_unix_socket_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql+asyncpg://postgres@/cash?host=/tmp/pg"
    monkeypatch.setenv("C2C_DATABASE_URL", url)
    assert load_settings().database_url.get_secret_value() == url


def test_readers_of_payloads_are_told_by_name_and_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("C2C_CODEC_READERS", f"ada:{'1' * 64}, ada:{'2' * 64},bo:{DIGEST.upper()}")
    monkeypatch.setenv("C2C_CODEC_UI_ORIGIN", "http://localhost:8233")
    settings = load_settings()
    assert [each.name for each in settings.codec_readers] == ["ada", "ada", "bo"]
    assert settings.codec_readers[2].digest == bytes.fromhex(DIGEST)
    assert DIGEST not in repr(settings).lower()


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("C2C_TEMPORAL_API_KEY", "")
    assert load_settings().temporal_api_key is None


@pytest.mark.parametrize(
    ("name", "value", "reason", "remedy"),
    [
        ("C2C_DATABASE_URL", "mysql://u:hidden@h/d", "driver is 'mysql'", "postgresql+asyncpg://"),
        ("C2C_DATABASE_URL", "hidden", "not a database URL", "postgresql+asyncpg://"),
        ("C2C_TEMPORAL_ADDRESS", "localhost", "not host:port", "host:port"),
        ("C2C_TEMPORAL_TLS_SERVER_CA_PATH", "/nowhere/ca", "no file /nowhere/ca", "PEM"),
        ("C2C_GATEWAY_PORT", "70000", "less than or equal to 65535", "0 to 65535"),
        ("C2C_SECONDS_PER_BUSINESS_DAY", "0", "greater than 0", "86400"),
        ("C2C_SECONDS_PER_BUSINESS_DAY", "nan", "", "86400"),
        ("C2C_ENVIRONMENT_ID", "Prod!", "match pattern", "'production'"),
        ("C2C_PAYLOAD_KEYS", "hidden", "id:base64key", "openssl rand"),
        ("C2C_PAYLOAD_KEYS", "a:hidden", "not base64", "openssl rand"),
        ("C2C_PAYLOAD_KEYS", "a:aGlkZGVu", "32 bytes", "openssl rand"),
        ("C2C_PAYLOAD_KEYS", f"a:{encoded_key(1)},a:{encoded_key(2)}", "same id", "openssl"),
        ("C2C_AUDIT_KEYS", "a:aGlkZGVu", "32 bytes", "an old one stays"),
        ("C2C_AUDIT_KEYS", f"a:{encoded_key(1)},a:{encoded_key(2)}", "same id", "openssl"),
        ("C2C_CODEC_READERS", "ada", "name:sha256", "random token"),
        ("C2C_CODEC_READERS", "ada:hidden", "64 hex digits", "random token"),
        ("C2C_CODEC_READERS", f"a.d.a:{DIGEST}", "match pattern", "random token"),
        ("C2C_CODEC_READERS", f"ada:{DIGEST},bo:{DIGEST}", "same token", "random token"),
        ("C2C_CODEC_READERS", THREE_TOKENS, "ada has 3 tokens", "two of one name"),
        ("C2C_CODEC_UI_ORIGIN", "*", "not an origin", "https://"),
        ("C2C_CODEC_UI_ORIGIN", "https://ui.firm.example/", "not an origin", "https://"),
        ("C2C_CODEC_UI_ORIGIN", "https://ui.firm.example, https://b", "not an origin", "https://"),
        ("C2C_CODEC_UI_ORIGIN", "http://ui.firm.example", "plain http", "https://"),
        ("C2C_LOG_LEVEL", "loud", "'debug'", "debug, info"),
    ],
)
def test_a_bad_value_is_refused_by_name_with_reason_and_remedy(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str, remedy: str
) -> None:
    monkeypatch.setenv(name, value)
    message = refusal()
    assert name in message
    assert reason in message
    assert remedy in message
    assert "hidden" not in message


def test_all_problems_are_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("C2C_GATEWAY_PORT", "x")
    monkeypatch.setenv("C2C_CONSOLE_PORT", "y")
    monkeypatch.setenv("C2C_LOG_LEVLE", "info")
    message = refusal()
    assert "C2C_GATEWAY_PORT" in message
    assert "C2C_CONSOLE_PORT" in message
    assert "C2C_LOG_LEVLE: there is no such setting. Did you mean C2C_LOG_LEVEL?" in message


def test_secrets_of_a_landscape_may_have_any_name_after_their_prefix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("C2C_SECRET_ERP_PASSWORD", "hidden")
    assert load_settings()
    secret = environment_secret("C2C_SECRET_ERP_PASSWORD")
    assert secret.get_secret_value() == "hidden"
    assert "hidden" not in repr(secret)


def test_a_missing_secret_is_named() -> None:
    with pytest.raises(SettingsError, match="C2C_SECRET_ABSENT: it is not set"):
        environment_secret("C2C_SECRET_ABSENT")


def test_a_client_certificate_without_its_key_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate = tmp_path / "client.pem"
    certificate.write_text("certificate")
    monkeypatch.setenv("C2C_TEMPORAL_TLS_CERT_PATH", str(certificate))
    assert "set both, or neither" in refusal()


def test_a_container_secret_stands_in_for_a_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "c2c_temporal_api_key").write_text("from a file\n")
    monkeypatch.setattr("runtime.settings.SECRETS_DIRECTORY", tmp_path)
    key = load_settings().temporal_api_key
    assert key is not None
    assert key.get_secret_value() == "from a file"


def test_settings_show_no_secret_and_cannot_change() -> None:
    settings = Settings.model_validate(
        {
            "database_url": "postgresql+asyncpg://u:hidden@h/d",
            "temporal_api_key": "hidden",
            "payload_keys": f"a:{encoded_key(7)}",
        }
    )
    assert "hidden" not in repr(settings)
    assert encoded_key(7) not in repr(settings)
    with pytest.raises(ValidationError, match="frozen"):
        settings.gateway_port = 1  # type: ignore[misc]  # the point of the test
