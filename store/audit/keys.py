"""The keys of the audit trail: each one signs checkpoints, wraps keys of people, and finds them.

One secret per key id is configured; what it is used for has a key of its own, derived by HKDF.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Final, NamedTuple, Self

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.errors import SetupInvalid
from runtime.settings import AuditKey

OPTION: Final = "c2c_audit_keys"
"""The option under which an engine carries its key ring: whoever writes a row has the keys."""
NONCE_BYTES: Final = 12
SECRET_BYTES: Final = 32


class AuditKeyMissing(SetupInvalid):
    """Something was made with an audit key that is not configured."""

    remedy: ClassVar[str] = "Add the key to C2C_AUDIT_KEYS, after the current one."


class Signature(NamedTuple):
    key_id: str
    value: bytes


class PublicKeys:
    """What proves signatures, and can be given to an auditor."""

    def __init__(self, keys: Mapping[str, Ed25519PublicKey]) -> None:
        self._keys = dict(keys)

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Read `id:base64`. Raises SetupInvalid for anything else."""
        keys: dict[str, Ed25519PublicKey] = {}
        for each in texts:
            key_id, _, encoded = each.partition(":")
            try:
                raw = base64.b64decode(encoded, validate=True)
                keys[key_id] = Ed25519PublicKey.from_public_bytes(raw)
            except (binascii.Error, ValueError):
                raise SetupInvalid(
                    f"{each!r} is no public key: it is written id:base64, as `c2c audit keys` "
                    "prints it"
                ) from None
        return cls(keys)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def __or__(self, others: PublicKeys) -> PublicKeys:
        return PublicKeys({**self._keys, **others._keys})

    def texts(self) -> list[str]:
        return [f"{name}:{_text(key.public_bytes_raw())}" for name, key in self._keys.items()]

    def knows(self, key_id: str) -> bool:
        return key_id in self._keys

    def proves(self, signature: Signature, statement: bytes) -> bool:
        """Whether the statement was signed with the key that is named; False for unknown keys."""
        key = self._keys.get(signature.key_id)
        if key is None:
            return False
        try:
            key.verify(signature.value, statement)
        except InvalidSignature:
            return False
        return True


NO_KEYS: Final = PublicKeys({})


class Wrapped(NamedTuple):
    """A person's key as it is stored."""

    key_id: str
    value: bytes


class KeyRing:
    """The configured keys. The first signs and wraps; every one proves, unwraps and finds."""

    def __init__(self, keys: Sequence[AuditKey]) -> None:
        if not keys:
            raise ValueError("a key ring needs at least one key")
        self._current = keys[0].id
        self._secrets = {key.id: key.secret.get_secret_value() for key in keys}

    @classmethod
    def of(cls, keys: Sequence[AuditKey]) -> Self | None:
        """None when no key is configured: then nothing is signed, and nothing encrypted."""
        return cls(keys) if keys else None

    def sign(self, statement: bytes) -> Signature:
        return Signature(self._current, self._signing(self._current).sign(statement))

    @property
    def current(self) -> str:
        """The id of the key that signs and wraps."""
        return self._current

    def public(self) -> PublicKeys:
        return PublicKeys({key: self._signing(key).public_key() for key in self._secrets})

    def wrap(self, secret: bytes, subject: str) -> Wrapped:
        """Encrypt a person's key; it opens for this subject only."""
        sealed = encrypt(self._derived(self._current, "wrap"), secret, subject.encode())
        return Wrapped(self._current, sealed)

    def unwrap(self, wrapped: Wrapped, subject: str) -> bytes:
        """Raises AuditKeyMissing for a key that is not configured, or is another one of its id."""
        if wrapped.key_id not in self._secrets:
            raise AuditKeyMissing(
                f"the key of {subject} is wrapped with audit key {wrapped.key_id!r}, which is not "
                "configured"
            )
        try:
            return decrypt(self._derived(wrapped.key_id, "wrap"), wrapped.value, subject.encode())
        except InvalidTag:
            raise AuditKeyMissing(
                f"the key of {subject} does not open with audit key {wrapped.key_id!r}: it was "
                "changed, or another key has the same id"
            ) from None

    def lookups(self, name: str) -> list[bytes]:
        """What a person's key may be found by, the current form first; it does not tell the
        name to those who have not got the audit key."""
        folded = " ".join(unicodedata.normalize("NFKC", name).split()).casefold().encode()
        return [
            hmac.digest(self._derived(key, "lookup"), folded, hashlib.sha256)
            for key in self._secrets
        ]

    def _signing(self, key_id: str) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._derived(key_id, "sign"))

    def _derived(self, key_id: str, purpose: str) -> bytes:
        info = f"client-to-cash audit {purpose} 1".encode()
        return HKDF(algorithm=SHA256(), length=SECRET_BYTES, salt=None, info=info).derive(
            self._secrets[key_id]
        )


def ring_of(connection: AsyncConnection) -> KeyRing | None:
    """The key ring that the connection's engine carries."""
    assert connection.sync_connection is not None
    found = connection.sync_connection.get_execution_options().get(OPTION)
    if found is not None and not isinstance(found, KeyRing):
        raise TypeError(f"{OPTION} holds {type(found).__name__}, not a KeyRing")
    return found


def encrypt(key: bytes, plain: bytes, context: bytes) -> bytes:
    """AES-256-GCM with a random nonce before it; `context` is authenticated too."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, context)


def decrypt(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """Raises InvalidTag for another key, another context, or changed bytes."""
    return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
