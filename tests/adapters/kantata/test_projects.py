"""Clients, projects and teams: created once, whatever the vendor answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.kantata.simulated.faults import FaultKind
from adapters.kantata.simulated.kinds import KINDS
from canonical.errors import (
    AnswerUnreadable,
    DataRejected,
    OutcomeUnknown,
    RecordMissing,
    SetupInvalid,
)
from canonical.ids import ExternalRef
from canonical.payment import BillingStage
from canonical.project import TeamMember
from tests.adapters.kantata.workshop import (
    Workshop,
    make_client,
    make_plan,
    make_status,
    open_workshop,
)


async def set_up(workshop: Workshop, **changes: object) -> ExternalRef:
    client = await workshop.psa.ensure_client(make_client(), key="FALK")
    return await workshop.psa.ensure_project(make_plan(**changes), client, key="FALK-006")


def project_row(workshop: Workshop, project: ExternalRef) -> dict[str, object]:
    (row,) = [row for row in workshop.office.rows("workspaces") if row["id"] == project.id]
    return row


def our_projects(workshop: Workshop) -> list[dict[str, object]]:
    return [row for row in workshop.office.rows("workspaces") if row["title"] == "ERP roll-out"]


async def test_a_project_carries_client_code_order_dates_currency_and_approvals() -> None:
    async with open_workshop() as workshop:
        row = project_row(workshop, await set_up(workshop))
        (group,) = workshop.office.rows("workspace_groups")
    assert row["_invoice_preference"] == {"project_code": "FALK-006", "purchase_order": "PO-77120"}
    assert (row["start_date"], row["due_date"], row["currency"]) == (
        "2026-09-01",
        "2026-12-31",
        "EUR",
    )
    assert (row["require_time_approvals"], row["_group_ids"]) == (True, [group["id"]])


async def test_a_client_follows_the_crm_when_it_is_ensured_again() -> None:
    async with open_workshop() as workshop:
        first = await workshop.psa.ensure_client(make_client(), key="FALK")
        renamed = make_client(name="Falkenstein SE")
        assert await workshop.psa.ensure_client(renamed, key="FALK") == first
        (group,) = workshop.office.rows("workspace_groups")
    assert (group["name"], group["company"]) == ("Falkenstein SE", True)


async def test_a_lost_answer_to_a_create_is_settled_by_looking_again() -> None:
    async with open_workshop() as workshop:
        client = await workshop.psa.ensure_client(make_client(), key="FALK")
        workshop.office.plan_fault(FaultKind.DROP, "POST", "workspaces")
        project = await workshop.psa.ensure_project(make_plan(), client, key="FALK-006")
        assert [row["id"] for row in our_projects(workshop)] == [project.id]


async def test_a_create_that_nobody_can_see_stays_in_doubt() -> None:
    async with open_workshop() as workshop:
        workshop.office.plan_fault(FaultKind.HOLD, "POST", "workspaces")
        with pytest.raises(OutcomeUnknown, match="project FALK-006"):
            await set_up(workshop)
        assert our_projects(workshop) == []


async def test_a_twin_that_lands_late_is_archived_and_never_taken() -> None:
    async with open_workshop() as workshop:
        workshop.office.plan_fault(FaultKind.HOLD, "POST", "workspaces")
        with pytest.raises(OutcomeUnknown):
            await set_up(workshop)
        project = await set_up(workshop)
        workshop.office.land()
        assert await set_up(workshop) == project
        open_ones = [row["id"] for row in our_projects(workshop) if not row["archived"]]
    assert open_ones == [project.id]


async def test_an_answer_of_500_to_a_create_is_looked_into_as_well() -> None:
    async with open_workshop() as workshop:
        workshop.office.plan_fault(FaultKind.BROKEN, "POST", "workspaces")
        await set_up(workshop)
        assert len(our_projects(workshop)) == 1


async def test_two_keys_are_two_projects_though_everything_else_is_equal() -> None:
    async with open_workshop() as workshop:
        client = await workshop.psa.ensure_client(make_client(), key="FALK")
        first = await workshop.psa.ensure_project(make_plan(), client, key="FALK-006")
        assert await workshop.psa.ensure_project(make_plan(), client, key="FALK-007") != first


async def test_an_archived_project_is_taken_out_of_the_archive_by_a_new_attempt() -> None:
    async with open_workshop() as workshop:
        project = await set_up(workshop)
        await workshop.psa.archive_project(project)
        assert await set_up(workshop) == project
        assert project_row(workshop, project)["archived"] is False


async def test_archiving_twice_is_harmless() -> None:
    async with open_workshop() as workshop:
        await workshop.psa.archive_project(workshop.project)
        await workshop.psa.archive_project(workshop.project)
        assert project_row(workshop, workshop.project)["archived"] is True


async def test_archiving_what_is_not_there_is_told() -> None:
    async with open_workshop() as workshop:
        with pytest.raises(RecordMissing):
            await workshop.psa.archive_project(workshop.project.model_copy(update={"id": "999999"}))


async def test_a_project_in_another_currency_is_refused() -> None:
    async with open_workshop() as workshop:
        project = await set_up(workshop, rates=())
        row = project_row(workshop, project)
        row["currency"] = "USD"
        with pytest.raises(DataRejected, match="is in USD, but the contract is in EUR") as refused:
            await set_up(workshop, rates=())
    assert refused.value.fields == ("currency",)


async def test_a_hidden_currency_asks_for_financial_access() -> None:
    async with open_workshop() as workshop:
        workshop.office.hide_financial_fields()
        with pytest.raises(DataRejected, match="financial access"):
            await set_up(workshop, rates=())


async def test_the_team_takes_part_and_has_seats_in_their_roles() -> None:
    async with open_workshop() as workshop:
        for _ in range(2):
            await workshop.psa.ensure_team(make_plan(), workshop.project, key="FALK-006")
        (seat,) = workshop.office.rows("workspace_resources")
        (part,) = workshop.office.rows("participations")
    assert (seat["user_id"], seat["role_id"]) == (workshop.consultant, workshop.role)
    assert part["user_id"] == workshop.consultant


async def test_unknown_people_are_named_by_their_mail_and_nobody_is_added() -> None:
    strangers = [
        TeamMember(name=name, email=f"{name}@northwind.example", role="SENIOR")
        for name in ("ann", "bob")
    ]
    plan = make_plan(team=(*make_plan().team, *strangers))
    async with open_workshop() as workshop:
        with pytest.raises(DataRejected, match=r"ann@northwind\.example, bob@"):
            await workshop.psa.ensure_team(plan, workshop.project, key="FALK-006")
        assert workshop.office.rows("participations") == []


async def test_a_role_that_kantata_does_not_know_is_refused_before_anything_is_created() -> None:
    strange = tuple(rate.model_copy(update={"role": "WIZARD"}) for rate in make_plan().rates)
    async with open_workshop() as workshop:
        with pytest.raises(DataRejected, match="WIZARD") as refused:
            await set_up(workshop, rates=strange)
        assert our_projects(workshop) == []
    assert refused.value.fields == ("rates.role",)


async def test_a_project_without_rates_has_its_team_and_no_rate_card() -> None:
    async with open_workshop() as workshop:
        project = await set_up(workshop, rates=())
        await workshop.psa.ensure_team(make_plan(rates=()), project, key="FALK-006")
        assert await set_up(workshop, rates=()) == project
        cards = list(workshop.office.rows("rate_cards"))
        seats = list(workshop.office.rows("workspace_resources"))
    assert cards == []
    assert len(seats) == len(make_plan().team)


async def test_an_older_status_never_overwrites_a_newer_one() -> None:
    async with open_workshop() as workshop:
        await workshop.psa.tell_status(workshop.project, make_status(5, BillingStage.PAID))
        await workshop.psa.tell_status(workshop.project, make_status(4, BillingStage.PART_PAID))
        (shown,) = workshop.office.rows("external_references")
    assert (shown["external_status"], shown["service_model_ref"]) == ("paid", "5")


async def test_a_newer_status_replaces_the_older_one() -> None:
    async with open_workshop() as workshop:
        await workshop.psa.tell_status(workshop.project, make_status(9))
        await workshop.psa.tell_status(workshop.project, make_status(10, BillingStage.PAID))
        (shown,) = workshop.office.rows("external_references")
    assert (shown["external_status"], shown["service_model_ref"]) == ("paid", "10")


async def test_a_status_leaves_the_reference_that_identifies_the_project_alone() -> None:
    async with open_workshop() as workshop:
        project = await set_up(workshop)
        await workshop.psa.tell_status(project, make_status())
        assert await set_up(workshop) == project


async def test_a_token_of_another_account_is_refused_at_the_check() -> None:
    async with open_workshop() as workshop:
        workshop.simulator.account.id = "99"
        workshop.simulator.account.table("users").rows.clear()
        workshop.simulator.account.owner_id = workshop.office.add_user("Other", "o@o.example")
        with pytest.raises(SetupInvalid, match="account 99"):
            await workshop.psa.check()


async def test_an_ignored_filter_is_noticed_and_nothing_is_created(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if the vendor did not know references of projects any more: it answers every project."""
    forgetful = replace(KINDS["workspaces"], subject_type="")
    monkeypatch.setitem(KINDS, "workspaces", forgetful)
    async with open_workshop() as workshop:
        with pytest.raises(AnswerUnreadable, match="filter was ignored"):
            await set_up(workshop)
        assert our_projects(workshop) == []
