"""Finds the vendor folders and says which ports each one serves."""

from __future__ import annotations

import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module

import httpx
from pydantic import SecretStr

import adapters
from adapters.webhooks import Webhook
from canonical.errors import SetupInvalid
from canonical.landscape import Landscape, SystemInstance, SystemRole
from canonical.ports import Crm, Erp, Mail, Psa, TimeSource


@dataclass(frozen=True)
class AdapterContext:
    """All that an adapter may know: its instance, the landscape, its secrets, and how to reach
    it."""

    system: SystemInstance
    landscape: Landscape
    secrets: Mapping[str, SecretStr] = field(repr=False)
    transport: httpx.AsyncBaseTransport | None = None
    """Another way to the system, such as an in-process simulator; None: the network."""

    def secret(self, name: str) -> SecretStr:
        """Raises SetupInvalid when the landscape gives the system no such secret."""
        if name not in self.secrets or not self.secrets[name].get_secret_value():
            raise SetupInvalid(f"system {self.system.name} has no secret {name!r} in the landscape")
        return self.secrets[name]


@dataclass(frozen=True)
class Ports:
    """What one system instance serves; None where it serves not."""

    close: Callable[[], Awaitable[None]]
    crm: Crm | None = None
    psa: Psa | None = None
    time: TimeSource | None = None
    erp: Erp | None = None
    mail: Mail | None = None


@dataclass(frozen=True)
class Adapter:
    """A vendor's folder: which roles it can serve and how it is built."""

    name: str
    roles: frozenset[SystemRole]
    build: Callable[[AdapterContext], Ports]
    webhook: Callable[[AdapterContext], Webhook] | None = None


@cache
def registry() -> dict[str, Adapter]:
    """All adapters by name: every folder of this package that offers `ADAPTER`."""
    found: dict[str, Adapter] = {}
    for module in pkgutil.iter_modules(adapters.__path__):
        if not module.ispkg:
            continue
        adapter = getattr(import_module(f"adapters.{module.name}"), "ADAPTER", None)
        if isinstance(adapter, Adapter):
            found[adapter.name] = adapter
    return found


def adapter_named(name: str) -> Adapter:
    """Raises SetupInvalid for a name that no folder has."""
    if name not in registry():
        known = ", ".join(sorted(registry()))
        raise SetupInvalid(f"there is no adapter {name!r}; the folders have {known}")
    return registry()[name]
