"""Random secrets of the local stack: files that only this user can read, made anew for each
stack."""

from __future__ import annotations

import base64
import secrets
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


@dataclass(frozen=True)
class StackSecrets:
    """What both sides of the local systems are told."""

    directory: Path
    consumer_key: str
    certificate_pem: str
    webhook_path: str
    kantata_token: str
    signing: str


def make_secrets(directory: Path, tryton_password: str) -> StackSecrets:
    """Write the files that the landscape refers to, in `secrets/` of a folder."""
    folder = directory / "secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
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
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    files = {
        f"{CRM}-consumer_key": made.consumer_key,
        f"{CRM}-private_key": pem,
        f"{CRM}-webhook_path": made.webhook_path,
        f"{PSA}-token": made.kantata_token,
        f"{EXPENSES}-signing": made.signing,
        f"{ERP}-password": tryton_password,
    }
    for name, value in files.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(value)
    return made
