"""OAuth for servers: a signed assertion (RFC 7523, preferred) or client credentials for a token.

The answer has no `expires_in` and no refresh token: a token is good until a call is answered 401,
then a new one is asked for, once for all callers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import urlencode, urlsplit

import httpx
import jwt
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from adapters.http import Effect, VendorHttp, request_id_of
from adapters.platforms.salesforce.ids import same_record
from canonical.errors import SetupInvalid, SystemBusy, SystemOutcome, SystemRefusesUs

TOKEN_PATH = "/services/oauth2/token"
ASSERTION_LIFE_S = 120
"""The platform refuses assertions that expire in more than three minutes."""


class TokenAnswer(BaseModel):
    """A token, where it may be used, and whose it is (`id` ends in `/<organisation>/<user>`)."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    access_token: SecretStr = Field(min_length=1)
    instance_url: str
    id: str

    @property
    def organisation(self) -> str:
        return self.id.rstrip("/").rsplit("/", 2)[-2]


class Grant(Protocol):
    """One way to ask for a token."""

    def form(self) -> Mapping[str, str]: ...


class JwtBearer:
    """An assertion signed with the private key whose certificate the external client app knows."""

    def __init__(
        self,
        *,
        consumer_key: SecretStr,
        username: str,
        audience: str,
        private_key: SecretStr,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._consumer_key, self._username, self._audience = consumer_key, username, audience
        self._private_key, self._clock = private_key, clock
        self.form()

    def form(self) -> Mapping[str, str]:
        """Raises SetupInvalid when the private key cannot sign."""
        claims = {
            "iss": self._consumer_key.get_secret_value(),
            "sub": self._username,
            "aud": self._audience,
            "exp": int(self._clock()) + ASSERTION_LIFE_S,
        }
        try:
            assertion = jwt.encode(claims, self._private_key.get_secret_value(), algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError):
            # Without the cause: its text may quote the key.
            raise SetupInvalid("the private key is not an RSA key in PEM form") from None
        return {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": assertion,
        }


class ClientCredentials:
    """Key and secret of the app; the platform takes them at the organisation's own host only."""

    def __init__(self, *, consumer_key: SecretStr, consumer_secret: SecretStr) -> None:
        self._consumer_key, self._consumer_secret = consumer_key, consumer_secret

    def form(self) -> Mapping[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_id": self._consumer_key.get_secret_value(),
            "client_secret": self._consumer_secret.get_secret_value(),
        }


class _TokenError(BaseModel):
    error: str = Field(max_length=100)
    error_description: str = ""


def classify_token_answer(
    system: str, response: httpx.Response, content: bytes, effect: Effect
) -> SystemOutcome | None:
    """Errors of the token endpoint are objects, and each of them but one is ours to mend."""
    if response.status_code not in (400, 401, 403):
        return None
    try:
        answer = _TokenError.model_validate_json(content)
    except ValidationError:
        return None
    trace = request_id_of(response)
    text = f"login: {answer.error}: {answer.error_description[:200]}"
    if answer.error == "rate_limit_exceeded":
        return SystemBusy(system, text, request_id=trace)
    return SystemRefusesUs(system, text, request_id=trace)


class TokenAuthenticator:
    """The current token as a header. The first callers share one login; so do those after a 401."""

    def __init__(
        self, login: VendorHttp, grant: Grant, *, instance_url: str, organisation: str
    ) -> None:
        self._login, self._grant = login, grant
        self._instance_host = urlsplit(instance_url).netloc
        self._organisation = organisation
        self._token: TokenAnswer | None = None
        self._asking = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        async with self._asking:
            if self._token is None:
                self._token = await self._ask()
            return {"Authorization": f"Bearer {self._token.access_token.get_secret_value()}"}

    async def renew(self) -> bool:
        async with self._asking:
            self._token = await self._ask()
        return True

    async def _ask(self) -> TokenAnswer:
        answer = await self._login.call(
            "POST",
            TOKEN_PATH,
            "login",
            Effect.SAFE_WRITE,
            content=urlencode(dict(self._grant.form())).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        token = answer.parse(TokenAnswer, "token")
        self._require_our_organisation(token)
        return token

    def _require_our_organisation(self, token: TokenAnswer) -> None:
        """A token of another organisation or host is never used: it is another environment's."""
        system = self._login.system
        if urlsplit(token.instance_url).netloc != self._instance_host:
            raise SystemRefusesUs(
                system,
                f"the login is for {token.instance_url}, but the landscape's instance_url has "
                f"{self._instance_host}",
            )
        try:
            ours = not self._organisation or same_record(token.organisation, self._organisation)
        except ValueError:
            ours = False
        if not ours:
            raise SystemRefusesUs(
                system,
                f"the login is for organisation {token.organisation[:18]}, but the landscape has "
                f"{self._organisation}",
            )
