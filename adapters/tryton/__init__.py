"""Tryton, the ERP: parties, projects, invoices, payments."""

from __future__ import annotations

from adapters.registry import Adapter, AdapterContext, Ports
from adapters.tryton.api import connect
from adapters.tryton.erp import TrytonErp
from adapters.tryton.settings import settings_of
from canonical.landscape import SystemRole


def build(context: AdapterContext) -> Ports:
    """Raises SetupInvalid when the landscape's settings cannot be used."""
    system = context.system
    settings = settings_of(system)
    tryton = connect(
        system.name,
        settings.base_url,
        settings.database,
        settings.user,
        context.secret("password"),
        system.limits,
        transport=context.transport,
    )
    entities = context.landscape.entities_of(SystemRole.ERP, system.name)
    erp = TrytonErp(tryton, entities, settings, system.organisation)
    return Ports(close=erp.close, erp=erp)


ADAPTER = Adapter(name="tryton", roles=frozenset({SystemRole.ERP}), build=build)
