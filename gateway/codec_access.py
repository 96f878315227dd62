"""Who asks the codec endpoint: a token proves it, or a session that a token began in a browser."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from runtime.codec_readers import CodecReader
from runtime.settings import PayloadKey

SESSION: Final = timedelta(hours=12)
"""A working day; then the token is asked for again."""
REFUSALS_PER_MINUTE_MAX: Final = 20
COOKIE: Final = "c2c_codec"

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{32,200}", re.ASCII)
"""Shorter ones could be guessed from their hash, so they are never right."""
_BEARER: Final = re.compile(r"Bearer +([!-~]+)", re.ASCII | re.IGNORECASE)

Clock = Callable[[], datetime]


class CodecAccess:
    """Readers, their tokens and their sessions. Nothing is kept, so any gateway knows a session
    that another one began; taking a token away ends its sessions."""

    def __init__(
        self, readers: Sequence[CodecReader], keys: Sequence[PayloadKey], clock: Clock
    ) -> None:
        self._readers, self._clock = tuple(readers), clock
        # of the payload keys, since who has those needs no session to read
        secret = keys[0].secret.get_secret_value()
        self._key = HKDF(SHA256(), 32, salt=None, info=b"c2c codec session").derive(secret)

    def of_token(self, token: str) -> CodecReader | None:
        """Compares with every reader's in constant time, whichever fits."""
        presented = hashlib.sha256(token.encode()).digest()
        fits = [each for each in self._readers if hmac.compare_digest(presented, each.digest)]
        return fits[0] if fits and _TOKEN.fullmatch(token) else None

    def of_header(self, authorization: str) -> CodecReader | None:
        """Of `Authorization: Bearer <token>`."""
        found = _BEARER.fullmatch(authorization.strip())
        return self.of_token(found[1]) if found else None

    def begin(self, reader: CodecReader) -> str:
        """A session: name, end and proof."""
        end = str(int((self._clock() + SESSION).timestamp()))
        return f"{reader.name}.{end}.{self._proof(reader, end)}"

    def of_session(self, session: str) -> CodecReader | None:
        """The reader whose session this is, while it lasts and the token that began it is live."""
        name, _, rest = session.partition(".")
        end, _, proof = rest.partition(".")
        mine = [each for each in self._readers if each.name == name]
        fits = [each for each in mine if self._is_proven(each, end, proof)]
        return fits[0] if fits and self._lasts(end) else None

    def _is_proven(self, reader: CodecReader, end: str, proof: str) -> bool:
        return hmac.compare_digest(self._proof(reader, end).encode(), proof.encode())

    def _lasts(self, end: str) -> bool:
        """Called for an end that we wrote ourselves."""
        return self._clock() < datetime.fromtimestamp(int(end), UTC)

    def _proof(self, reader: CodecReader, end: str) -> str:
        told = b"\n".join((reader.name.encode(), end.encode(), reader.digest))
        return hmac.new(self._key, told, hashlib.sha256).hexdigest()


class RefusalCount:
    """Refusals in each minute: beyond some they are only counted, and no longer told or logged."""

    def __init__(self, clock: Clock, per_minute: int = REFUSALS_PER_MINUTE_MAX) -> None:
        self._clock, self._most = clock, per_minute
        self._minute, self._count = -1, 0

    def add(self) -> int:
        """How many refusals this minute is beyond its most; 1 for the first of them."""
        minute = int(self._clock().timestamp()) // 60
        if minute != self._minute:
            self._minute, self._count = minute, 0
        self._count += 1
        return max(self._count - self._most, 0)

    @property
    def retry_after_s(self) -> int:
        """Until the minute is over."""
        return 60 - int(self._clock().timestamp()) % 60
