"""Standard Webhooks signatures: the fixed vector, its negative forms, and malformed headers."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook as Oracle
from starlette.datastructures import Headers

from canonical.errors import SetupInvalid
from gateway.signatures import SignatureRefused, Verifier
from tests.gateway.builders import NEXT_SECRET, SECRET

VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
VECTOR_BODY = b'{"test": 2432232314}'
VECTOR_TIME = 1_790_000_000
VECTOR_SIGNATURE = "v1,Kk1u1o8Wu6xjTr0rzrczCWSCzIpnVFgkWyar80GKuYE="
STRIPES_SIGNATURE = (
    f"t={VECTOR_TIME},v1=1dd0253f51b032653545ff6692109a96a74f13b0698a8a1026aa4ec3b276771c"
)


def verify(
    body: bytes = VECTOR_BODY,
    *,
    webhook_id: str = VECTOR_ID,
    timestamp: str = str(VECTOR_TIME),
    signature: str = VECTOR_SIGNATURE,
    secret: str = VECTOR_SECRET,
    now: int = VECTOR_TIME,
) -> str:
    """The name of the secret that proved it."""
    headers = Headers(
        {
            "Webhook-Id": webhook_id,
            "Webhook-Timestamp": timestamp,
            "Webhook-Signature": signature,
        }
    )
    verifier = Verifier("test", {"signing": SecretStr(secret)})
    return verifier.verify(headers, body, datetime.fromtimestamp(now, UTC)).secret_name


def test_the_fixed_vector_is_accepted() -> None:
    assert verify() == "signing"


def test_a_secret_without_its_prefix_is_the_same_secret() -> None:
    assert verify(secret=VECTOR_SECRET.removeprefix("whsec_")) == "signing"


@pytest.mark.parametrize("late", [-300, 300])
def test_five_minutes_either_way_are_tolerated(late: int) -> None:
    assert verify(now=VECTOR_TIME + late) == "signing"


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param(f"v1,AAAA {VECTOR_SIGNATURE}", id="two v1, the second fits"),
        pytest.param(f"v1a,AAAA {VECTOR_SIGNATURE}", id="an unknown version beside it"),
        pytest.param(f"v1 v2,, nonsense {VECTOR_SIGNATURE}", id="nonsense beside it"),
    ],
)
def test_one_fitting_signature_among_others_is_enough(signature: str) -> None:
    assert verify(signature=signature) == "signing"


REFUSED = [
    pytest.param({"body": VECTOR_BODY.replace(b"4", b"5", 1)}, id="one byte changed"),
    pytest.param({"body": VECTOR_BODY + b"\n"}, id="trailing newline"),
    pytest.param({"body": VECTOR_BODY.replace(b": ", b":")}, id="re-serialised"),
    pytest.param({"body": b"\xff\xfe" + VECTOR_BODY}, id="not utf-8"),
    pytest.param({"webhook_id": "msg_other"}, id="another id"),
    pytest.param({"timestamp": str(VECTOR_TIME + 1)}, id="time changed by one"),
    pytest.param({"now": VECTOR_TIME + 301}, id="too old"),
    pytest.param({"now": VECTOR_TIME - 301}, id="too new"),
    pytest.param({"signature": VECTOR_SIGNATURE[:-1]}, id="cut by one character"),
    pytest.param({"signature": VECTOR_SIGNATURE.removeprefix("v1,")}, id="no version"),
    pytest.param({"signature": VECTOR_SIGNATURE.replace("v1", "v2")}, id="unknown version"),
    pytest.param({"signature": STRIPES_SIGNATURE}, id="another scheme's signature"),
    pytest.param({"signature": VECTOR_SIGNATURE + "é"}, id="not ascii"),
    pytest.param({"signature": "v1," * 2_000 + VECTOR_SIGNATURE}, id="very long"),
    pytest.param({"signature": "v1,"}, id="empty signature"),
    pytest.param({"signature": ""}, id="no signature"),
    pytest.param({"webhook_id": ""}, id="no id"),
    pytest.param({"webhook_id": "m" * 201}, id="very long id"),
    pytest.param({"webhook_id": "msg 1"}, id="blank in the id"),
    pytest.param({"timestamp": ""}, id="no timestamp"),
    pytest.param({"timestamp": "soon"}, id="timestamp is no number"),
    pytest.param({"timestamp": f"-{VECTOR_TIME}"}, id="negative timestamp"),
    pytest.param({"timestamp": f"{VECTOR_TIME}.0"}, id="fractional timestamp"),
    pytest.param({"timestamp": f"0{VECTOR_TIME}"}, id="leading zero"),
    pytest.param({"timestamp": "9" * 11}, id="far future"),
    pytest.param({"timestamp": "9" * 400}, id="beyond all time"),
    pytest.param({"timestamp": "nan"}, id="not a number"),
    pytest.param({"secret": SECRET}, id="another secret"),
]


@pytest.mark.parametrize("changes", REFUSED)
def test_what_is_not_exactly_right_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(SignatureRefused):
        verify(**changes)  # type: ignore[arg-type]  # each case names one argument


def test_digits_of_another_script_are_no_timestamp() -> None:
    arabic = str(VECTOR_TIME).translate({ord("0") + n: 0x0660 + n for n in range(10)})
    with pytest.raises(SignatureRefused, match="webhook-timestamp"):
        verify(timestamp=arabic.encode().decode("latin-1"))


def test_the_undecoded_secret_is_not_the_key() -> None:
    stripes_way = Oracle(VECTOR_SECRET.encode()).sign(
        VECTOR_ID, datetime.fromtimestamp(VECTOR_TIME, UTC), VECTOR_BODY.decode()
    )
    with pytest.raises(SignatureRefused):
        verify(signature=stripes_way)


@pytest.mark.parametrize("repeated", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_repeated_header_is_refused(repeated: str) -> None:
    right = {
        "webhook-id": VECTOR_ID,
        "webhook-timestamp": str(VECTOR_TIME),
        "webhook-signature": VECTOR_SIGNATURE,
    }
    raw = [(name.encode(), value.encode()) for name, value in right.items()]
    raw.append((repeated.encode(), right[repeated].encode()))
    verifier = Verifier("test", {"signing": SecretStr(VECTOR_SECRET)})
    with pytest.raises(SignatureRefused, match=repeated):
        verifier.verify(Headers(raw=raw), VECTOR_BODY, datetime.fromtimestamp(VECTOR_TIME, UTC))


@pytest.mark.parametrize(("secret", "name"), [(SECRET, "old"), (NEXT_SECRET, "new")])
def test_both_secrets_of_a_rotation_prove_a_delivery(secret: str, name: str) -> None:
    now = datetime.fromtimestamp(VECTOR_TIME, UTC)
    signature = Oracle(secret).sign("m-1", now, "{}")
    headers = Headers(
        {
            "webhook-id": "m-1",
            "webhook-timestamp": str(VECTOR_TIME),
            "webhook-signature": signature,
        }
    )
    both = Verifier("test", {"old": SecretStr(SECRET), "new": SecretStr(NEXT_SECRET)})
    assert both.verify(headers, b"{}", now + timedelta(seconds=1)).secret_name == name


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param("", id="empty"),
        pytest.param("whsec_", id="prefix only"),
        pytest.param("whsec_not base64!", id="not base64"),
        pytest.param("whsec_" + base64.b64encode(bytes(23)).decode(), id="23 bytes"),
        pytest.param("whsec_" + base64.b64encode(bytes(65)).decode(), id="65 bytes"),
    ],
)
def test_a_weak_or_empty_secret_is_refused_at_set_up(secret: str) -> None:
    with pytest.raises(SetupInvalid, match="is not a signing secret"):
        Verifier("test", {"signing": SecretStr(secret)})
