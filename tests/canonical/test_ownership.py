"""Ownership: whose word counts for which field."""

from __future__ import annotations

import pytest

from canonical.errors import ChangeNotAllowed
from canonical.landscape import SystemRole
from canonical.ownership import EVENT_FIELDS, OWNERS, owner_of, require_owner
from canonical.schemas import event_models


@pytest.mark.parametrize(
    ("field", "owner"),
    [
        ("client.name", SystemRole.CRM),
        ("contract.rates", SystemRole.CRM),
        ("project.team.member", SystemRole.PSA),
        ("time.hours", SystemRole.TIME),
        ("expense.cost.currency", SystemRole.EXPENSES),
        ("invoice.number", SystemRole.ERP),
        ("payment", SystemRole.ERP),
    ],
)
def test_a_field_belongs_to_the_owner_of_its_longest_listed_prefix(
    field: str, owner: SystemRole
) -> None:
    assert owner_of(field) is owner


def test_a_field_that_nobody_owns_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError, match=r"client\.shoe_size"):
        owner_of("client.shoe_size")


@pytest.mark.parametrize("field", OWNERS)
@pytest.mark.parametrize("writer", SystemRole)
def test_only_the_owner_may_write(field: str, writer: SystemRole) -> None:
    if writer is OWNERS[field]:
        require_owner(field, writer)
        return
    with pytest.raises(ChangeNotAllowed, match=f"{field} belongs to the {OWNERS[field].value}"):
        require_owner(field, writer)


def test_every_event_that_asserts_a_field_is_an_event_and_its_field_has_an_owner() -> None:
    assert set(EVENT_FIELDS) <= set(event_models())
    assert all(owner_of(field) in SystemRole for field in EVENT_FIELDS.values())
