"""Standard Webhooks 1.0.0: proves that a delivery comes from whom it names, over the raw bytes.

The keyed hash and the reading of secrets are the reference library's. Its `verify` is not used,
because it reads the system's clock, takes text instead of bytes, and lets some malformed headers
pass or fail in other ways than by refusal.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import SecretStr
from standardwebhooks import Webhook as StandardWebhook
from starlette.datastructures import Headers

from canonical.errors import SetupInvalid

TOLERANCE: Final = timedelta(minutes=5)
SECRET_BYTES: Final = range(24, 65)
"""The specification's 24 to 64 bytes."""
SECRET_PREFIX: Final = "whsec_"
SIGNATURES_CHARACTERS_MAX: Final = 4_000
_ID: Final = re.compile(r"[!-~]{1,200}", re.ASCII)
_TIMESTAMP: Final = re.compile(r"[1-9][0-9]{0,10}", re.ASCII)


class SignatureRefused(Exception):
    """A delivery that is not proven. The reason is for our log, never for the sender."""


@dataclass(frozen=True)
class Proven:
    """A delivery whose sender is proven: its id, and the name of the secret that proved it."""

    webhook_id: str
    secret_name: str


class Verifier:
    """The secrets of one source that are active now; more than one during a rotation."""

    def __init__(self, source: str, secrets: Mapping[str, SecretStr]) -> None:
        """Raises SetupInvalid for a secret that the specification does not allow."""
        self._secrets = {
            name: StandardWebhook(_key(source, name, secret)) for name, secret in secrets.items()
        }

    def verify(self, headers: Headers, body: bytes, now: datetime) -> Proven:
        """Raises SignatureRefused."""
        webhook_id = _one(headers, "webhook-id", _ID)
        moment = _within_tolerance(_one(headers, "webhook-timestamp", _TIMESTAMP), now)
        presented = _presented(headers)
        text = _text(body)
        proving = [
            name
            for name, secret in self._secrets.items()
            if _is_among(secret.sign(webhook_id, moment, text), presented)
        ]
        if not proving:
            raise SignatureRefused("no signature fits any active secret")
        return Proven(webhook_id, proving[0])


def _key(source: str, name: str, secret: SecretStr) -> bytes:
    encoded = secret.get_secret_value().removeprefix(SECRET_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        key = b""
    if len(key) not in SECRET_BYTES:
        raise SetupInvalid(
            f"the secret {name!r} of system {source} is not a signing secret: write `whsec_` and "
            f"the base64 of {SECRET_BYTES.start} to {SECRET_BYTES.stop - 1} random bytes"
        )
    return key


def _one(headers: Headers, name: str, form: re.Pattern[str]) -> str:
    """The header's one value; a repeated header is refused, whichever of its values is right."""
    values = headers.getlist(name)
    if len(values) != 1 or not form.fullmatch(values[0]):
        raise SignatureRefused(f"header {name} is missing, repeated or malformed")
    return values[0]


def _within_tolerance(timestamp: str, now: datetime) -> datetime:
    moment = datetime.fromtimestamp(int(timestamp), UTC)
    if abs(moment - now) > TOLERANCE:
        raise SignatureRefused(f"its timestamp is {moment - now} from now")
    return moment


def _presented(headers: Headers) -> list[bytes]:
    """The presented signatures of the version we know; others belong to newer receivers."""
    values = headers.getlist("webhook-signature")
    if len(values) != 1 or len(values[0]) > SIGNATURES_CHARACTERS_MAX:
        raise SignatureRefused("header webhook-signature is missing, repeated or too long")
    entries = (entry.partition(",") for entry in values[0].split(" "))
    return [_decoded(signature) for version, _, signature in entries if version == "v1"]


def _decoded(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise SignatureRefused("the body is not UTF-8") from None


def _is_among(signature: str, presented: list[bytes]) -> bool:
    """Compares with each in constant time; all are compared, whichever fits."""
    expected = base64.b64decode(signature.removeprefix("v1,"))
    return any([hmac.compare_digest(expected, candidate) for candidate in presented])
