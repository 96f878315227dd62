"""Payload encryption: nothing readable outside, keys that rotate, clear refusals."""

import pytest
from temporalio.api.common.v1 import Payload

from runtime.codec import DamagedPayloadError, EncryptionCodec, UnknownPayloadKeyError
from tests.runtime.conftest import make_key

OLD, NEW = make_key("2025", 1), make_key("2026", 2)
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'"EUR 1200.00 for Falkenstein"')


async def test_what_is_encoded_decodes_to_the_same_payload() -> None:
    codec = EncryptionCodec([NEW])
    assert await codec.decode(await codec.encode([PLAIN, PLAIN])) == [PLAIN, PLAIN]


async def test_an_encoded_payload_shows_neither_data_nor_metadata() -> None:
    [sealed] = await EncryptionCodec([NEW]).encode([PLAIN])
    assert b"Falkenstein" not in sealed.SerializeToString()
    assert b"json/plain" not in sealed.SerializeToString()
    assert sealed.metadata["encryption-key-id"] == b"2026"


async def test_the_same_payload_never_looks_the_same_twice() -> None:
    first, second = await EncryptionCodec([NEW]).encode([PLAIN, PLAIN])
    assert first.data != second.data


async def test_after_a_rotation_old_payloads_decode_and_new_ones_use_the_new_key() -> None:
    [from_before] = await EncryptionCodec([OLD]).encode([PLAIN])
    rotated = EncryptionCodec([NEW, OLD])
    [from_after] = await rotated.encode([PLAIN])
    assert await rotated.decode([from_before]) == [PLAIN]
    assert from_after.metadata["encryption-key-id"] == b"2026"


async def test_payloads_from_before_encryption_pass_unchanged() -> None:
    assert await EncryptionCodec([NEW]).decode([PLAIN]) == [PLAIN]


async def test_a_payload_of_a_removed_key_is_refused_by_the_keys_name() -> None:
    [sealed] = await EncryptionCodec([OLD]).encode([PLAIN])
    with pytest.raises(UnknownPayloadKeyError, match=r"'2025'.*configured: 2026.*C2C_PAYLOAD_KEYS"):
        await EncryptionCodec([NEW]).decode([sealed])


@pytest.mark.parametrize("cut", [0, 5, 12, 40], ids=["empty", "no nonce", "nonce only", "short"])
async def test_a_payload_cut_short_is_refused(cut: int) -> None:
    codec = EncryptionCodec([NEW])
    [sealed] = await codec.encode([PLAIN])
    sealed.data = sealed.data[:cut]
    with pytest.raises(DamagedPayloadError, match="'2026'"):
        await codec.decode([sealed])


async def test_a_payload_relabelled_with_another_key_id_is_refused() -> None:
    twin = make_key("2027", 2)  # the same bytes under another name
    [sealed] = await EncryptionCodec([NEW]).encode([PLAIN])
    sealed.metadata["encryption-key-id"] = b"2027"
    with pytest.raises(DamagedPayloadError):
        await EncryptionCodec([twin]).decode([sealed])


def test_a_codec_without_a_key_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="at least one key"):
        EncryptionCodec([])
