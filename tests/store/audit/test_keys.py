"""Keys: derived per purpose, rotated by id, never shown."""

from __future__ import annotations

import pytest

from canonical.errors import SetupInvalid
from store.audit.keys import AuditKeyMissing, KeyRing, PublicKeys, Wrapped
from tests.store.audit.chains import KEYS, RING, audit_key

BOTH = KeyRing([audit_key("second", 9), audit_key()])


def test_a_signature_is_proven_by_the_public_key_of_its_id_and_by_nothing_else() -> None:
    signature = RING.sign(b"statement")
    assert KEYS.proves(signature, b"statement")
    assert not KEYS.proves(signature, b"another statement")
    assert not KEYS.proves(signature._replace(key_id="second"), b"statement")
    assert not KeyRing([audit_key(fill=9)]).public().proves(signature, b"statement")


def test_public_keys_can_be_written_down_and_read_again() -> None:
    (text,) = KEYS.texts()
    assert PublicKeys.parse([text]).proves(RING.sign(b"x"), b"x")
    assert text.startswith("first:")


@pytest.mark.parametrize("text", ["", "first", "first:", "first:%%%", "first:AAAA"])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(SetupInvalid, match="is no public key"):
        PublicKeys.parse([text])


def test_the_first_key_wraps_and_every_key_unwraps() -> None:
    old, new = RING.wrap(b"k" * 32, "person/1"), BOTH.wrap(b"k" * 32, "person/1")
    assert (old.key_id, new.key_id) == ("first", "second")
    assert BOTH.unwrap(old, "person/1") == BOTH.unwrap(new, "person/1") == b"k" * 32


def test_a_wrapped_key_opens_for_its_own_person_only() -> None:
    with pytest.raises(AuditKeyMissing, match="does not open"):
        RING.unwrap(RING.wrap(b"k" * 32, "person/1"), "person/2")


def test_a_key_that_is_not_configured_is_named_with_the_remedy() -> None:
    with pytest.raises(AuditKeyMissing, match="'second', which is not configured") as refused:
        RING.unwrap(Wrapped("second", b"x" * 60), "person/1")
    assert "C2C_AUDIT_KEYS" in refused.value.remedy


def test_a_person_is_found_under_every_key_however_the_name_is_written() -> None:
    assert BOTH.lookups("Ada Lovelace") == BOTH.lookups(" ada  LOVELACE ")
    assert RING.lookups("Ada Lovelace")[0] in BOTH.lookups("Ada Lovelace")
    assert RING.lookups("Ada Lovelace") != RING.lookups("Ada Byron")
    assert b"ada" not in RING.lookups("ada")[0]


def test_no_secret_is_in_what_is_printed_of_a_ring() -> None:
    secret = audit_key().secret.get_secret_value()
    assert secret.hex() not in repr(RING)
    assert repr(secret) not in repr(RING)
