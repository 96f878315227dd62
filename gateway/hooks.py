"""The vendors' own webhooks: one per system instance, behind a path that only the vendor knows."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets as randomness
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import SecretStr

from adapters.registry import Adapter, AdapterContext
from adapters.webhooks import DeliveryRefused, Webhook
from canonical.errors import SetupInvalid
from canonical.landscape import Landscape, SystemInstance
from runtime.landscape import Secrets

PATH_SECRET: Final = "webhook_path"
"""A system's secrets whose names begin so are the last part of its webhook's path; all of them are
active. A system that has none has no webhook."""
_PATH_SECRET_FORM: Final = re.compile(r"[A-Za-z0-9_-]{16,200}")


@dataclass(frozen=True)
class _Hook:
    webhook: Webhook
    digests: tuple[bytes, ...] = field(repr=False)


class VendorHooks:
    """The webhooks of a landscape."""

    def __init__(
        self, landscape: Landscape, secrets: Secrets, adapters: Mapping[str, Adapter]
    ) -> None:
        """Raises SetupInvalid for a path secret that could be guessed, or a setting amiss."""
        self._hooks: dict[tuple[str, str], _Hook] = {}
        self._webhooks: dict[str, Webhook] = {}
        for system in landscape.systems:
            adapter = adapters.get(system.adapter)
            if adapter is None or adapter.webhook is None:
                continue
            given = secrets.get(system.name, {})
            webhook = adapter.webhook(AdapterContext(system, landscape, given))
            self._hooks[adapter.name, system.name] = _Hook(webhook, _digests(system, given))
            self._webhooks[system.name] = webhook
        self._nobody = (_digest(randomness.token_hex(32)),)

    def at(self, adapter: str, instance: str, path_secret: str) -> Webhook:
        """The webhook of a path. Raises DeliveryRefused (404), equal and equally slow for an
        instance that does not exist and for a wrong secret."""
        hook = self._hooks.get((adapter, instance))
        digests = (hook.digests if hook else ()) or self._nobody
        presented = _digest(path_secret)
        fits = any([hmac.compare_digest(presented, digest) for digest in digests])
        if hook is None or not fits:
            raise DeliveryRefused(404, "no webhook has this path")
        return hook.webhook

    def of(self, instance: str) -> Webhook:
        """The webhook of an instance, to translate what it stored. Raises SetupInvalid."""
        if instance not in self._webhooks:
            raise SetupInvalid(f"the landscape has no system {instance!r} with a webhook")
        return self._webhooks[instance]


def _digests(system: SystemInstance, given: Mapping[str, SecretStr]) -> tuple[bytes, ...]:
    secrets = {name: value for name, value in given.items() if name.startswith(PATH_SECRET)}
    for name, value in secrets.items():
        if not _PATH_SECRET_FORM.fullmatch(value.get_secret_value()):
            raise SetupInvalid(
                f"the secret {name!r} of system {system.name} is not a path secret: use 16 to 200 "
                "letters, digits, - and _, such as `openssl rand -hex 24` makes"
            )
    return tuple(_digest(value.get_secret_value()) for value in secrets.values())


def _digest(path_secret: str) -> bytes:
    """Of equal length, so that a comparison says nothing of the length either."""
    return hashlib.sha256(path_secret.encode()).digest()
