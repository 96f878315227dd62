"""Random secrets of the local stack: files that only this user can read, made anew for each
stack."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from workers.local.landscape import CRM, ERP, EXPENSES, PSA

CODEC_TOKEN = "codec-token"


@dataclass(frozen=True)
class StackSecrets:
    """What both sides of the local systems are told."""

    directory: Path
    consumer_key: str
    certificate_pem: str
    webhook_path: str
    kantata_token: str
    signing: str
    payload_key: str
    audit_key: str
    codec_reader: str

    @property
    def codec_token_file(self) -> Path:
        """What to sign in with at the codec endpoint of an encrypted stack."""
        return self.directory / CODEC_TOKEN

    def sealing(self, ui_origin: str | None) -> Mapping[str, object]:
        """Settings that seal payloads and let the UI read them."""
        return {
            "payload_keys": self.payload_key,
            "codec_readers": self.codec_reader,
            "codec_ui_origin": ui_origin,
        }


def make_secrets(directory: Path, tryton_password: str) -> StackSecrets:
    """Write the files that the landscape refers to, in `secrets/` of a folder."""
    folder = directory / "secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    codec_token = secrets.token_hex(32)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    made = StackSecrets(
        directory=folder,
        consumer_key=secrets.token_hex(24),
        certificate_pem=key.public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode(),
        webhook_path=secrets.token_hex(24),
        kantata_token=secrets.token_hex(24),
        signing="whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
        payload_key=_named_key(),
        audit_key=_named_key(),
        codec_reader=f"local:{hashlib.sha256(codec_token.encode()).hexdigest()}",
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    files = {
        f"{CRM}-consumer_key": made.consumer_key,
        f"{CRM}-private_key": pem,
        f"{CRM}-webhook_path": made.webhook_path,
        f"{PSA}-token": made.kantata_token,
        f"{EXPENSES}-signing": made.signing,
        f"{ERP}-password": tryton_password,
        CODEC_TOKEN: codec_token,
    }
    for name, value in files.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(value)
    return made


def _named_key() -> str:
    return "local:" + base64.b64encode(secrets.token_bytes(32)).decode()
