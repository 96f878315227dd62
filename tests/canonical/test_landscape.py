"""The landscape: what cannot be right is refused by name."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from canonical.errors import SetupInvalid
from canonical.landscape import (
    Landscape,
    LegalEntity,
    SecretRef,
    SystemInstance,
    SystemRole,
    TaxPolicy,
)
from tests.canonical.builders import SENIOR, make_entity, make_landscape


def test_systems_and_entities_are_found_by_name() -> None:
    landscape = make_landscape()
    assert landscape.system("erp").adapter == "tryton"
    assert landscape.entity("NW-DE").system(SystemRole.CRM) == "crm"
    assert landscape.entities_of(SystemRole.ERP, "erp") == landscape.entities
    assert landscape.entities_of(SystemRole.ERP, "crm") == ()


def test_a_name_that_the_landscape_has_not_is_told_with_those_it_has() -> None:
    with pytest.raises(SetupInvalid, match=r"no legal entity 'XX' \(it has NW-DE\)"):
        make_landscape().entity("XX")
    with pytest.raises(SetupInvalid, match="no system 'psa'"):
        make_landscape().system("psa")
    with pytest.raises(SetupInvalid, match="NW-DE has no system for the role psa"):
        make_entity().system(SystemRole.PSA)


BROKEN_ENTITIES = {
    "unknown system": (
        make_entity(systems={SystemRole.PSA: "nowhere"}),
        "NW-DE names unknown systems: nowhere",
    ),
    "unknown tax code": (
        make_entity(policy=TaxPolicy(domestic="VAT19", third_country="VAT7")),
        "NW-DE: tax policy names unknown tax codes: VAT7",
    ),
}


@pytest.mark.parametrize(("entity", "reason"), BROKEN_ENTITIES.values(), ids=BROKEN_ENTITIES.keys())
def test_an_entity_that_names_what_is_not_there_is_refused(
    entity: LegalEntity, reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        make_landscape(entity)


def test_names_are_given_once() -> None:
    with pytest.raises(ValidationError, match="legal entity named twice: NW-DE"):
        make_landscape(make_entity(), make_entity())
    twin = SystemInstance(name="crm", adapter="salesforce")
    with pytest.raises(ValidationError, match="system named twice: crm"):
        Landscape(environment="test", systems=(twin, twin), entities=(make_entity(systems={}),))


@pytest.mark.parametrize("zone", ["", "Europe", "Mars/Olympus", "../../etc/passwd", "CET+1"])
def test_a_time_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(ValidationError, match="is not a time zone"):
        make_entity(time_zone=zone)


@pytest.mark.parametrize("reference", [{}, {"env": "A", "file": "/b"}])
def test_a_secret_is_found_in_exactly_one_place(reference: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="either `env` or `file`"):
        SecretRef.model_validate(reference)


def test_a_secret_cannot_be_written_into_the_landscape() -> None:
    with pytest.raises(ValidationError):
        SecretRef.model_validate({"env": "A", "value": "open sesame"})


@pytest.mark.parametrize("name", ["", "CRM", "a", "1crm", "crm_1", "x" * 41])
def test_a_system_has_a_plain_name(name: str) -> None:
    with pytest.raises(ValidationError):
        SystemInstance(name=name, adapter="salesforce")


@pytest.mark.parametrize("role", ["Snr", " SNR ", "senior CONSULTANT"])
def test_roles_are_found_however_systems_and_landscape_write_them(role: str) -> None:
    entity = make_entity(roles={"Senior Consultant": SENIOR, " sNr": SENIOR})
    assert entity.role_named(role) == SENIOR
    assert entity.role_named("Wizard") is None


def test_a_role_that_is_mapped_to_two_is_refused() -> None:
    with pytest.raises(ValidationError, match="mapped twice"):
        make_entity(roles={"Senior": SENIOR, "senior ": "Junior"})
