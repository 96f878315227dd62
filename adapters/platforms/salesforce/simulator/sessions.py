"""The token endpoint: verifies assertions and client credentials as the platform does, and keeps
the tokens that it gave."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

ASSERTION_LIFE_MAX = timedelta(minutes=3)
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass(frozen=True)
class ClientApp:
    """The external client app of the integration, as an administrator registered it."""

    consumer_key: str
    username: str
    certificate_pem: str
    """A certificate or a public key, in PEM form."""
    consumer_secret: str = ""
    audiences: tuple[str, ...] = ("https://login.salesforce.com", "https://test.salesforce.com")

    def public_key(self) -> RSAPublicKey:
        pem = self.certificate_pem.encode()
        certificate = b"BEGIN CERTIFICATE" in pem
        key = (
            load_pem_x509_certificate(pem).public_key() if certificate else load_pem_public_key(pem)
        )
        if not isinstance(key, RSAPublicKey):
            raise ValueError("the app's certificate must hold an RSA key")
        return key


class LoginRefused(Exception):
    """Answered 400 `{"error", "error_description"}`."""

    def __init__(self, error: str, description: str) -> None:
        self.error, self.description = error, description
        super().__init__(f"{error}: {description}")


class Sessions:
    """Tokens by their text, each until a moment; `approved` False refuses the user."""

    def __init__(
        self,
        app: ClientApp,
        organisation_id: str,
        instance_url: str,
        life: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._app, self._key = app, app.public_key()
        self._organisation_id, self._instance_url = organisation_id, instance_url
        self._life, self._clock = life, clock
        self._ends: dict[str, datetime] = {}
        self.approved = True
        self.logins = 0

    def login(self, form: Mapping[str, str]) -> dict[str, str]:
        """The token answer. Raises LoginRefused."""
        grant = form.get("grant_type", "")
        if grant == JWT_BEARER:
            self._require_assertion(form.get("assertion", ""))
        elif grant == "client_credentials":
            self._require_secret(form)
        else:
            raise LoginRefused("unsupported_grant_type", "grant type not supported")
        if not self.approved:
            raise LoginRefused("invalid_grant", "user hasn't approved this consumer")
        return self._answer()

    def is_valid(self, token: str) -> bool:
        return token in self._ends and self._clock() < self._ends[token]

    def expire_all(self) -> None:
        self._ends.clear()

    def _answer(self) -> dict[str, str]:
        token = f"{self._organisation_id[:15]}!{secrets.token_urlsafe(24)}"
        self._ends[token] = self._clock() + self._life
        self.logins += 1
        return {
            "access_token": token,
            "scope": "api",
            "instance_url": self._instance_url,
            "id": f"https://login.salesforce.com/id/{self._organisation_id}/005Ab000003RtQsIAK",
            "token_type": "Bearer",
        }

    def _require_assertion(self, assertion: str) -> None:
        try:
            claims = jwt.decode(
                assertion,
                self._key,
                algorithms=["RS256"],
                audience=[*self._app.audiences, self._instance_url],
                # By the simulator's own clock, below.
                options={"verify_exp": False, "require": ["iss", "sub", "aud", "exp"]},
            )
        except jwt.InvalidAudienceError as error:
            raise LoginRefused("invalid_grant", "audience is invalid") from error
        except jwt.PyJWTError as error:
            raise LoginRefused("invalid_client", "invalid client credentials") from error
        if claims["iss"] != self._app.consumer_key:
            raise LoginRefused("invalid_client_id", "client identifier invalid")
        if claims["sub"] != self._app.username:
            raise LoginRefused("invalid_grant", "user hasn't approved this consumer")
        left = timedelta(seconds=int(claims["exp"]) - self._clock().timestamp())
        if not timedelta(0) < left <= ASSERTION_LIFE_MAX:
            raise LoginRefused("invalid_grant", "authentication failure")

    def _require_secret(self, form: Mapping[str, str]) -> None:
        if form.get("client_id") != self._app.consumer_key:
            raise LoginRefused("invalid_client_id", "client identifier invalid")
        told = form.get("client_secret", "")
        if not self._app.consumer_secret or not secrets.compare_digest(
            told.encode(), self._app.consumer_secret.encode()
        ):
            raise LoginRefused("invalid_client", "invalid client credentials")
