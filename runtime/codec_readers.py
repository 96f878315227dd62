"""Who may read workflow payloads by the codec endpoint: people by name and token, one UI by origin.

A token is random and long, so its SHA-256 needs no salt; only that is ever configured.
"""

import re
from collections import Counter
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import NoDecode

READERS_MAX: Final = 200
TOKENS_PER_READER_MAX: Final = 2
"""So that a new one can be given out before the old one is taken away."""
LOOPBACK_HOSTS: Final = ("localhost", "127.0.0.1")

_ORIGIN: Final = re.compile(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.ASCII)


class CodecReader(BaseModel):
    """A name for the logs, and the SHA-256 of a token."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9_@-]{1,64}$")
    digest: bytes = Field(min_length=32, max_length=32, repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `name:sha256`."""
        name, separator, digest = text.strip().partition(":")
        if not separator or not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
            raise ValueError("each reader is written name:sha256, the latter in 64 hex digits")
        return cls(name=name, digest=bytes.fromhex(digest))


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(CodecReader.parse(part) for part in value.split(",") if part.strip())
    return value


def _have_few_tokens_each(readers: tuple[CodecReader, ...]) -> tuple[CodecReader, ...]:
    for name, tokens in Counter(reader.name for reader in readers).items():
        if tokens > TOKENS_PER_READER_MAX:
            raise ValueError(f"{name} has {tokens} tokens; at most two may be live")
    if len({reader.digest for reader in readers}) != len(readers):
        raise ValueError("two readers have the same token")
    return readers


def _is_an_origin(origin: str) -> str:
    """As browsers write it: scheme, host and port in lower case, no path, no `*`."""
    found = _ORIGIN.fullmatch(origin)
    if found is None:
        raise ValueError("it is not an origin (scheme, host and port, without a path)")
    if found[1] == "http" and found[2] not in LOOPBACK_HOSTS:
        raise ValueError("over plain http everybody on the way would read what is decoded")
    return origin


CodecReaders = Annotated[
    tuple[CodecReader, ...],
    NoDecode,
    BeforeValidator(_split),
    AfterValidator(_have_few_tokens_each),
]
UiOrigin = Annotated[str, AfterValidator(_is_an_origin)]
