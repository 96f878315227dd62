"""Keeps secrets out of logs: by the name of a field, and passwords inside addresses."""

import re
from collections.abc import MutableMapping
from typing import Final

from pydantic import SecretBytes, SecretStr

REDACTED: Final = "[redacted]"
DEPTH_MAX: Final = 6

SECRET_NAME: Final = re.compile(
    r"passw(or)?d|passphrase|secret|token|api[_-]?key|private[_-]?key|authori[sz]ation|cookie"
    r"|credential|assertion|signature|proof|^iban$|^pin$",
    re.IGNORECASE,
)
PASSWORD_IN_ADDRESS: Final = re.compile(r"(?<=://)([^/@\s:]*):[^/@\s]+@")
BEARER: Final = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)


def redact_event(
    _logger: object, _method: str, event: MutableMapping[str, object]
) -> MutableMapping[str, object]:
    """A structlog processor: the event with everything secret-looking replaced."""
    for name, value in event.items():
        event[name] = REDACTED if SECRET_NAME.search(name) else redacted(value)
    return event


def redacted(value: object, depth: int = 0) -> object:
    """A value as a log may show it; nested deeper than DEPTH_MAX it is only named by its type."""
    if isinstance(value, str):
        return redacted_text(value)
    if isinstance(value, SecretStr | SecretBytes | bytes):
        return REDACTED
    if not isinstance(value, dict | list | tuple | set | frozenset):
        return value
    if depth >= DEPTH_MAX:
        return f"<{type(value).__name__}>"
    if isinstance(value, dict):
        return {
            str(k): REDACTED if SECRET_NAME.search(str(k)) else redacted(v, depth + 1)
            for k, v in value.items()
        }
    return [redacted(item, depth + 1) for item in value]


def redacted_text(text: str) -> str:
    """Text without the passwords of addresses and without bearer tokens."""
    text = PASSWORD_IN_ADDRESS.sub(rf"\1:{REDACTED}@", text)
    return BEARER.sub(rf"\1 {REDACTED}", text)
