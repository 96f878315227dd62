"""A login session: taken at the first call, renewed once when the server has forgotten it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError

from adapters.http import Effect, VendorHttp, unreadable
from adapters.tryton.errors import Envelope
from canonical.errors import SystemRefusesUs

LOGIN_TIMEOUT_S = 45.0
"""A server whose database is unknown or away answers only after 30 s."""

REFUSED_PAUSE_S = 60.0
"""After a refused login we do not try again for a while: each attempt while the server is locking
us out prolongs the lock-out, for people too."""

_LOGIN_RESULT: TypeAdapter[tuple[int, SecretStr, object]] = TypeAdapter(
    tuple[int, SecretStr, object]
)


class _Login(BaseModel):
    """What identifies a session: user id and token."""

    model_config = ConfigDict(frozen=True)

    user_id: int
    token: SecretStr = Field(repr=False)


class Session:
    """Puts `Authorization: Session ...` on requests (Authenticator of adapters.http)."""

    def __init__(self, http: VendorHttp, database: str, user: str, password: SecretStr) -> None:
        self._http = http
        self._database = database
        self._user = user
        self._password = password
        self._lock = asyncio.Lock()
        self._headers: Mapping[str, str] = {}
        self._refused_until = 0.0

    async def headers(self) -> Mapping[str, str]:
        async with self._lock:
            if not self._headers:
                self._headers = await self._log_in()
            return self._headers

    async def renew(self) -> bool:
        """Log in again: a session ends when it is idle too long, and the call was not executed."""
        async with self._lock:
            self._headers = {}
            self._headers = await self._log_in()
            return True

    async def close(self) -> None:
        await self._http.close()

    async def _log_in(self) -> Mapping[str, str]:
        now = asyncio.get_running_loop().time()
        if now < self._refused_until:
            raise SystemRefusesUs(
                self._http.system,
                f"the login of {self._user!r} was refused a moment ago and is not tried again for "
                f"{self._refused_until - now:.0f} s, so that the server does not lock it out",
            )
        try:
            login = await self._call_login()
        except SystemRefusesUs as refused:
            self._refused_until = now + REFUSED_PAUSE_S
            raise SystemRefusesUs(
                self._http.system, f"the login of {self._user!r} was refused"
            ) from refused
        words = f"{self._user}:{login.user_id}:{login.token.get_secret_value()}"
        return {"Authorization": f"Session {base64.b64encode(words.encode()).decode('ascii')}"}

    async def _call_login(self) -> _Login:
        parameters = {"password": self._password.get_secret_value()}
        answer = await self._http.call(
            "POST",
            f"/{self._database}/rpc/",
            "common.db.login",
            Effect.READ,
            json={"id": 0, "method": "common.db.login", "params": [self._user, parameters]},
            timeout_s=LOGIN_TIMEOUT_S,
        )
        result = answer.parse(Envelope, "common.db.login").result
        try:
            user_id, token, _ = _LOGIN_RESULT.validate_python(result)
        except ValidationError as error:
            raise unreadable(self._http.system, error, "common.db.login") from error
        return _Login(user_id=user_id, token=token)
