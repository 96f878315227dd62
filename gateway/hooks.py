"""The vendors' own webhooks: one per system instance whose adapter has one."""

from __future__ import annotations

import hmac
import secrets as randomness
from collections.abc import Mapping, Sequence
from datetime import datetime

from adapters.registry import Adapter, AdapterContext
from adapters.webhooks import (
    Acknowledgement,
    Delivery,
    DeliveryRefused,
    Notification,
    Webhook,
)
from canonical.events import Event
from canonical.landscape import Landscape
from gateway.bodies import BODY_BYTES_MAX
from runtime.landscape import Secrets


class VendorHooks:
    """Finds the webhook of a path."""

    def __init__(self, webhooks: Mapping[tuple[str, str], Webhook]) -> None:
        self._webhooks = dict(webhooks)
        self._by_instance = {instance: hook for (_, instance), hook in webhooks.items()}
        self._nowhere = _Nowhere()

    def at(self, adapter: str, instance: str) -> Webhook:
        """The webhook; for a path that nobody has, one that refuses like a wrong secret."""
        return self._webhooks.get((adapter, instance), self._nowhere)

    def of(self, instance: str) -> Webhook | None:
        return self._by_instance.get(instance)


def build_hooks(
    landscape: Landscape, secrets: Secrets, adapters: Mapping[str, Adapter]
) -> VendorHooks:
    """Raises SetupInvalid when a webhook lacks a secret or setting."""
    webhooks: dict[tuple[str, str], Webhook] = {}
    for system in landscape.systems:
        adapter = adapters.get(system.adapter)
        if adapter is not None and adapter.webhook is not None:
            context = AdapterContext(system, landscape, secrets.get(system.name, {}))
            webhooks[adapter.name, system.name] = adapter.webhook(context)
    return VendorHooks(webhooks)


class _Nowhere:
    """The webhook of unknown paths: it compares a secret too, and nobody has it."""

    body_bytes_max = BODY_BYTES_MAX

    def __init__(self) -> None:
        self._secret = randomness.token_bytes(32)

    def open(self, delivery: Delivery) -> Sequence[Notification]:
        hmac.compare_digest(delivery.path_secret.encode(), self._secret)
        raise DeliveryRefused(404, "there is no such webhook")

    def acknowledge(self) -> Acknowledgement:
        raise NotImplementedError("nothing is ever accepted here")

    def translate(self, notification: Notification, received_at: datetime) -> Sequence[Event]:
        raise NotImplementedError("nothing is ever accepted here")
