"""Kantata OX, the PSA: projects, teams, time and expenses."""

from __future__ import annotations

from adapters.http import VendorHttp
from adapters.kantata.account import BearerToken
from adapters.kantata.api import Kantata
from adapters.kantata.errors import classify
from adapters.kantata.psa import KantataPsa
from adapters.kantata.references import Binder
from adapters.kantata.settings import settings_of
from adapters.kantata.time_source import KantataTime
from adapters.registry import Adapter, AdapterContext, Ports
from canonical.landscape import SystemRole


def build(context: AdapterContext) -> Ports:
    """Raises SetupInvalid for settings or a secret that cannot be right."""
    settings = settings_of(context.system)
    http = VendorHttp(
        context.system.name,
        settings.base_url,
        context.system.limits,
        authenticator=BearerToken(context.secret("token")),
        classify=classify,
        transport=context.transport,
        headers={"Accept": "application/json"},
    )
    kantata = Kantata(http)
    binder = Binder(kantata, settings)
    return Ports(
        close=http.close,
        psa=KantataPsa(kantata, binder, context.system, context.landscape),
        time=KantataTime(kantata, context.system, change_feed=settings.change_feed),
    )


ADAPTER = Adapter(
    name="kantata",
    roles=frozenset({SystemRole.PSA, SystemRole.TIME, SystemRole.EXPENSES}),
    build=build,
)
