"""Encrypts what workflows carry, so that the Temporal server only ever holds ciphertext.

AES-256-GCM, one random 96-bit nonce per payload. The payload's metadata names the key, and that
name is authenticated too. The first key encodes; every key decodes, so that a new key is put in
front, workers restarted, and the old one removed once no history needs it.
"""

import os
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from runtime.settings import PayloadKey

ENCODING: Final = b"binary/encrypted"
NONCE_BYTES: Final = 12


class PayloadCodecError(Exception):
    """A payload cannot be decrypted."""


class UnknownPayloadKeyError(PayloadCodecError):
    """The key that a payload names is not among the configured ones."""

    def __init__(self, key_id: str, known_ids: Sequence[str]) -> None:
        self.key_id = key_id
        super().__init__(
            f"A payload was encrypted with key {key_id!r}, which is not configured "
            f"(configured: {', '.join(known_ids)}). Add that key to C2C_PAYLOAD_KEYS, after "
            "the current one."
        )


class DamagedPayloadError(PayloadCodecError):
    """A payload names a known key and yet does not decrypt with it."""

    def __init__(self, key_id: str) -> None:
        self.key_id = key_id
        super().__init__(
            f"A payload that names key {key_id!r} does not decrypt with it: it was changed, cut "
            "short, or made with another key of the same id. Check that every process has the "
            "same C2C_PAYLOAD_KEYS."
        )


class EncryptionCodec(PayloadCodec):
    """Encrypts with the first key and decrypts with whichever key the payload names."""

    def __init__(self, keys: Sequence[PayloadKey]) -> None:
        if not keys:
            raise ValueError("an encryption codec needs at least one key")
        self._ciphers = {key.id: AESGCM(key.secret.get_secret_value()) for key in keys}
        self._current_id = keys[0].id

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._encrypt(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt; payloads from before encryption was switched on pass unchanged."""
        return [self._decrypt(payload) for payload in payloads]

    def _encrypt(self, payload: Payload) -> Payload:
        key_id = self._current_id.encode()
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self._current_id].encrypt(nonce, payload.SerializeToString(), key_id)
        return Payload(
            metadata={"encoding": ENCODING, "encryption-key-id": key_id}, data=nonce + sealed
        )

    def _decrypt(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        key_id = payload.metadata.get("encryption-key-id", b"").decode(errors="replace")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise UnknownPayloadKeyError(key_id, list(self._ciphers))
        nonce, sealed = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
        try:
            return Payload.FromString(cipher.decrypt(nonce, sealed, key_id.encode()))
        except (InvalidTag, ValueError):
            raise DamagedPayloadError(key_id) from None
