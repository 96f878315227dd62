"""What a process is told by its environment: read once, validated at start, then passed in.

Every variable begins with `C2C_`. A file `/run/secrets/c2c_<name>` (a container secret) stands in
for a variable that is not set. A misspelt `C2C_` variable is refused; names that begin with
`C2C_SECRET_` are free, for secrets that a landscape refers to.
"""

import base64
import binascii
import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AnyHttpUrl,
    BaseModel,
    ConfigDict,
    Field,
    SecretBytes,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from runtime.codec_readers import READERS_MAX, CodecReaders, UiOrigin

PREFIX = "C2C_"
FREE_PREFIX = "C2C_SECRET_"
SECRETS_DIRECTORY = Path("/run/secrets")
PAYLOAD_KEYS_MAX = 16
AUDIT_KEYS_MAX = 16

Port = Annotated[int, Field(ge=0, le=65535)]


class SettingsError(Exception):
    """The environment cannot be used; the message lists every variable, its reason and remedy."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("The settings cannot be used:\n" + "\n".join(f"  {p}" for p in problems))


class NamedKey(BaseModel):
    """One key of 256 bits, with the id by which everything that was made with it names it."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    id: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    secret: SecretBytes

    @field_validator("secret")
    @classmethod
    def _is_256_bits(cls, secret: SecretBytes) -> SecretBytes:
        if len(secret.get_secret_value()) != 32:
            raise ValueError("a key must be 32 bytes (256 bits)")
        return secret

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `id:base64key`."""
        key_id, separator, encoded = text.strip().partition(":")
        if not separator:
            raise ValueError("each key is written id:base64key")
        try:
            secret = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise ValueError("the part after the colon is not base64") from None
        return cls(id=key_id, secret=SecretBytes(secret))


class PayloadKey(NamedKey):
    """An AES-256 key for workflow payloads."""


class AuditKey(NamedKey):
    """The secret from which the audit trail's keys are derived: to sign, and to wrap."""


class Settings(BaseSettings):
    """Everything a process of the product needs to know; the descriptions are the remedies."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    environment_id: str = Field(
        "local",
        pattern=r"^[a-z][a-z0-9-]{0,31}$",
        description="a short lower-case name such as 'production' or 'staging'",
    )
    database_url: SecretStr = Field(
        SecretStr("postgresql+asyncpg://postgres@localhost:5432/client_to_cash"),
        description="postgresql+asyncpg://user:password@host:5432/name, or over a Unix socket "
        "postgresql+asyncpg://user@/name?host=/directory",
    )
    database_pool_size: int = Field(10, ge=1, le=200, description="a number from 1 to 200")

    temporal_address: str = Field("localhost:7233", description="host:port of the frontend")
    temporal_namespace: str = Field("default", min_length=1, description="a namespace's name")
    temporal_tls: bool = Field(False, description="true or false")
    temporal_tls_server_ca_path: Path | None = Field(None, description="path of a PEM file")
    temporal_tls_server_name: str | None = Field(None, description="the server certificate's name")
    temporal_tls_cert_path: Path | None = Field(
        None, description="path of a PEM file; set it together with C2C_TEMPORAL_TLS_KEY_PATH"
    )
    temporal_tls_key_path: Path | None = Field(
        None, description="path of a PEM file; set it together with C2C_TEMPORAL_TLS_CERT_PATH"
    )
    temporal_api_key: SecretStr | None = Field(None, description="an API key of the namespace")
    payload_keys: Annotated[tuple[PayloadKey, ...], NoDecode] = Field(
        (),
        max_length=PAYLOAD_KEYS_MAX,
        description="id:base64key, separated by commas, the current key first; "
        "`openssl rand -base64 32` makes a key",
    )
    audit_keys: Annotated[tuple[AuditKey, ...], NoDecode] = Field(
        (),
        max_length=AUDIT_KEYS_MAX,
        description="id:base64key, separated by commas, the current key first; "
        "`openssl rand -base64 32` makes a key, and an old one stays in the list",
    )
    codec_readers: CodecReaders = Field(
        (),
        max_length=READERS_MAX,
        description="name:sha256 of a random token, separated by commas, at most two of one name",
    )
    codec_ui_origin: UiOrigin | None = Field(
        None,
        description="where people open the Temporal UI, such as https://temporal.firm.example "
        "(plain http on localhost and 127.0.0.1 only)",
    )

    landscape_path: Path = Field(Path("landscape.yaml"), description="path of the landscape file")
    seconds_per_business_day: float = Field(
        86400.0, gt=0, allow_inf_nan=False, description="86400 in production, less in a demo"
    )

    gateway_host: str = Field("127.0.0.1", description="the address to listen on")
    gateway_port: Port = Field(8080, description="a port, 0 to 65535")

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug, info, warning or error"
    )
    log_format: Literal["json", "console"] = Field("json", description="json or console")
    otlp_endpoint: AnyHttpUrl | None = Field(
        None, description="the collector's base address, such as http://collector:4318"
    )
    metrics_host: str = Field("127.0.0.1", description="the address to listen on")
    metrics_port: Port | None = Field(None, description="a port for the process's own metrics")
    temporal_metrics_port: Port | None = Field(
        None, description="a port for the metrics of the Temporal SDK"
    )

    @field_validator("database_url")
    @classmethod
    def _database_is_postgresql_by_asyncpg(cls, url: SecretStr) -> SecretStr:
        try:
            driver = make_url(url.get_secret_value()).drivername
        except ArgumentError:
            raise ValueError("it is not a database URL") from None
        if driver != "postgresql+asyncpg":
            raise ValueError(f"its driver is {driver!r}, and only postgresql+asyncpg is supported")
        return url

    @field_validator("temporal_address")
    @classmethod
    def _address_is_host_and_port(cls, address: str) -> str:
        host, separator, port = address.rpartition(":")
        if not (host and separator and port.isdecimal() and int(port) <= 65535):
            raise ValueError("it is not host:port")
        return address

    @field_validator("payload_keys", "audit_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, str):
            kind = AuditKey if info.field_name == "audit_keys" else PayloadKey
            return tuple(kind.parse(part) for part in value.split(",") if part.strip())
        return value

    @field_validator("payload_keys", "audit_keys")
    @classmethod
    def _key_ids_differ(cls, keys: tuple[NamedKey, ...]) -> tuple[NamedKey, ...]:
        if len({key.id for key in keys}) != len(keys):
            raise ValueError("two keys have the same id")
        return keys

    @field_validator(
        "temporal_tls_server_ca_path", "temporal_tls_cert_path", "temporal_tls_key_path"
    )
    @classmethod
    def _file_is_there(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError(f"there is no file {path}")
        return path

    @model_validator(mode="after")
    def _certificate_and_key_come_together(self) -> Self:
        if (self.temporal_tls_cert_path is None) != (self.temporal_tls_key_path is None):
            raise ValueError(
                "C2C_TEMPORAL_TLS_CERT_PATH and C2C_TEMPORAL_TLS_KEY_PATH belong together: "
                "set both, or neither"
            )
        return self


class LocalSettings(BaseSettings):
    """Where the demo and the tests keep what they make on this machine."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True)

    cache_dir: Path | None = None
    xdg_cache_home: Path | None = Field(None, validation_alias="XDG_CACHE_HOME")


def variable_name(field: str) -> str:
    """The environment variable that sets a field of `Settings`."""
    return f"{PREFIX}{field.upper()}"


KNOWN_VARIABLES = frozenset(variable_name(f) for f in (*Settings.model_fields, "cache_dir"))


def load_settings() -> Settings:
    """Read the environment once; raises SettingsError naming every problem with its remedy."""
    problems = _misspelt_variables(os.environ)
    secrets = SECRETS_DIRECTORY if SECRETS_DIRECTORY.is_dir() else None
    try:
        settings = Settings(_secrets_dir=secrets)
    except ValidationError as invalid:
        raise SettingsError(problems + _sentences(invalid)) from None
    if problems:
        raise SettingsError(problems)
    return settings


def environment_secret(name: str) -> SecretStr:
    """The secret that a landscape refers to by a variable's name; raises SettingsError."""
    value = os.environ.get(name)
    if not value:
        raise SettingsError([f"{name}: it is not set, and the landscape refers to it. Set it."])
    return SecretStr(value)


def child_environment(additions: Mapping[str, str]) -> dict[str, str]:
    """What a child process is given: our own environment, and these variables over it."""
    return {**os.environ, **additions}


def _misspelt_variables(environment: Mapping[str, str]) -> list[str]:
    names = (n for n in environment if n.startswith(PREFIX) and not n.startswith(FREE_PREFIX))
    return [_unknown_variable(name) for name in sorted(set(names) - KNOWN_VARIABLES)]


def _unknown_variable(name: str) -> str:
    close = difflib.get_close_matches(name, KNOWN_VARIABLES, n=1)
    remedy = f"Did you mean {close[0]}?" if close else "Remove it."
    return f"{name}: there is no such setting. {remedy}"


def _sentences(invalid: ValidationError) -> list[str]:
    return [
        _sentence(str(error["loc"][0]) if error["loc"] else "", error["msg"])
        for error in invalid.errors(include_url=False, include_context=False, include_input=False)
    ]


def _sentence(field: str, message: str) -> str:
    reason = re.sub(r"^Value error, ", "", message)
    if field not in Settings.model_fields:
        return f"{reason}."
    remedy = Settings.model_fields[field].description
    return f"{variable_name(field)}: {reason}. Set it to {remedy}."
