"""No adapter escapes the suite, and no method of a port that it serves."""

from __future__ import annotations

import inspect

from adapters.registry import registry
from canonical.landscape import SystemRole
from canonical.ports import Crm, Erp, Psa, TimeSource
from tests.adapters.conformance.driver import AnyDriver, Bench, DriftKind, drivers

PORTS = {"crm": Crm, "psa": Psa, "time": TimeSource, "erp": Erp}
WITHOUT_RECORDS = frozenset({SystemRole.MAIL})
"""Roles that the suite does not speak of: there is nothing to read back."""


def test_every_adapter_of_the_registry_has_a_conformance_driver() -> None:
    spoken_of = {name for name, each in registry().items() if each.roles - WITHOUT_RECORDS}
    missing = sorted(spoken_of - set(drivers()))
    assert missing == [], f"offer DRIVER in tests/adapters/<folder>/bench.py for: {missing}"


def test_every_driver_drives_an_adapter_of_the_registry() -> None:
    assert sorted(set(drivers()) - set(registry())) == []


async def test_every_method_of_every_served_port_is_driven(driver: AnyDriver, bench: Bench) -> None:
    served = {name for name in PORTS if getattr(bench.ports, name) is not None}
    methods = {
        f"{name}.{method}"
        for name in served
        for method, _ in inspect.getmembers(PORTS[name], inspect.isfunction)
        if not method.startswith("_")
    }
    assert methods - driver.names() == set()


def test_every_kind_of_drift_is_driven(driver: AnyDriver) -> None:
    assert {drift.kind for drift in driver.drifts} == set(DriftKind)


def test_missing_records_and_bad_data_are_driven(driver: AnyDriver) -> None:
    assert any(read.missing for read in driver.reads)
    rejected = [
        *(write.rejected for write in driver.writes),
        *(create.rejected for create in driver.creates),
    ]
    assert any(rejected)
