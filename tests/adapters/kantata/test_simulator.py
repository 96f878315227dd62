"""The simulator speaks the vendor's dialect, its traps included."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx
import pytest
import uvicorn

from adapters.kantata import build
from adapters.kantata.simulated.faults import FaultKind
from adapters.kantata.simulator import TOKEN, ConnectionDropped, Simulator, create_app
from adapters.registry import AdapterContext
from canonical.errors import OutcomeUnknown
from tests.adapters.kantata.workshop import make_client, make_context

DAY = date(2026, 9, 2)


@dataclass(frozen=True)
class Account:
    """The bare HTTP API, and one project with a person in it."""

    simulator: Simulator
    http: httpx.AsyncClient
    user: str
    project: str

    def log(self, count: int = 1) -> list[str]:
        return self.simulator.office.log_time(self.project, self.user, DAY, 60, count=count)

    async def get(self, path: str, **params: str) -> dict[str, Any]:
        answer = await self.http.get(f"/api/v1/{path}", params=params)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def send(self, method: str, path: str, body: Mapping[str, object]) -> httpx.Response:
        return await self.http.request(method, f"/api/v1/{path}", json=body)


@asynccontextmanager
async def open_account() -> AsyncIterator[Account]:
    simulator = create_app()
    user = simulator.office.add_user("Nadia Ferrer", "nadia@northwind.example")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=simulator),
        base_url="http://kantata.example",
        headers={"Authorization": f"Bearer {TOKEN}"},
    ) as http:
        yield Account(simulator, http, user, simulator.office.add_project("ERP"))


async def test_an_answer_has_count_meta_order_and_keyed_maps() -> None:
    async with open_account() as account:
        entries = account.log(3)
        body = await account.get("time_entries", include="user,story", order="created_at:asc")
    assert body["meta"] == {"count": 3, "page_count": 1, "page_number": 1, "page_size": 20}
    assert body["results"] == [{"key": "time_entries", "id": entry} for entry in entries]
    assert set(body["time_entries"]) == set(entries)
    assert (list(body["users"]), body["stories"]) == ([account.user], {})


async def test_an_empty_list_has_page_zero() -> None:
    async with open_account() as account:
        body = await account.get("expenses")
    assert body["meta"] == {"count": 0, "page_count": 0, "page_number": 0, "page_size": 20}


@pytest.mark.parametrize("path", ["time_entries", "time_entries.json"])
async def test_paths_answer_with_and_without_suffix(path: str) -> None:
    async with open_account() as account:
        account.log()
        assert (await account.get(path))["count"] == 1


@pytest.mark.parametrize(
    ("asked", "size"),
    [({}, 20), ({"per_page": "0"}, 20), ({"per_page": "9999"}, 200), ({"limit": "5"}, 20)],
)
async def test_page_sizes_are_clamped_without_an_error(asked: dict[str, str], size: int) -> None:
    async with open_account() as account:
        account.log(230)
        assert len((await account.get("time_entries", **asked))["results"]) == size


async def test_limit_and_offset_count_only_together() -> None:
    async with open_account() as account:
        entries = account.log(30)
        body = await account.get("time_entries", limit="5", offset="10", order="created_at:asc")
    assert [result["id"] for result in body["results"]] == entries[10:15]


async def test_a_presence_flag_filters_for_true_even_when_it_says_false() -> None:
    async with open_account() as account:
        account.log()
        assert (await account.get("time_entries", approved="false"))["count"] == 0
        assert (await account.get("time_entries", uninvoiced="false"))["count"] == 1


async def test_an_unknown_filter_silently_answers_everything() -> None:
    async with open_account() as account:
        account.log(2)
        assert (await account.get("time_entries", workspaceid="nonsense"))["count"] == 2


async def test_an_archived_project_is_hidden_with_its_time() -> None:
    async with open_account() as account:
        account.log()
        await account.send(
            "PUT", f"workspaces/{account.project}", {"workspace": {"archived": True}}
        )
        hidden = await account.http.get(f"/api/v1/workspaces/{account.project}")
        shown = await account.get(f"workspaces/{account.project}", include_archived="true")
        assert (await account.get("time_entries"))["count"] == 0
        assert (await account.get("time_entries", from_archived_workspaces="true"))["count"] == 1
    assert (hidden.status_code, shown["count"]) == (404, 1)


async def test_a_create_answers_200_and_a_delete_204() -> None:
    async with open_account() as account:
        made = await account.send("POST", "workspace_groups", {"workspace_group": {"name": "F"}})
        (group,) = made.json()["workspace_groups"]
        gone = await account.http.delete(f"/api/v1/workspace_groups/{group}")
    assert (made.status_code, gone.status_code, gone.content) == (200, 204, b"")


async def test_a_form_body_is_read_like_json() -> None:
    async with open_account() as account:
        await account.http.post(
            "/api/v1/time_entries",
            data={
                "time_entry[workspace_id]": account.project,
                "time_entry[date_performed]": "2026-09-02",
                "time_entry[time_in_minutes]": "90",
            },
        )
        (row,) = (await account.get("time_entries"))["time_entries"].values()
    assert (row["time_in_minutes"], row["date_performed"]) == (90, "2026-09-02")


@pytest.mark.parametrize(
    ("body", "status", "type", "field"),
    [
        ({}, 400, "syntax", None),
        ({"time_entry": {"workspace_id": 1}}, 422, "validation", "date_performed"),
    ],
)
async def test_bad_bodies_are_refused_with_type_and_field(
    body: dict[str, object], status: int, type: str, field: str | None
) -> None:
    async with open_account() as account:
        answer = await account.send("POST", "time_entries", body)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["type"], error.get("field")) == (status, type, field)


async def test_a_wrong_token_is_refused_as_oauth() -> None:
    async with open_account() as account:
        answer = await account.http.get("/api/v1/users", headers={"Authorization": "Bearer no"})
    assert (answer.status_code, answer.json()["errors"][0]["type"]) == (401, "oauth")


async def test_a_timesheet_holds_one_project() -> None:
    async with open_account() as account:
        entries = account.log() + account.simulator.office.log_time(
            account.simulator.office.add_project("Other"), account.user, DAY, 60
        )
        sheet = {"title": "Week", "workspace_id": account.project, "line_item_ids": entries}
        answer = await account.send(
            "POST", "timesheet_submissions", {"timesheet_submission": sheet}
        )
    assert answer.status_code == 422


async def test_a_rejected_timesheet_is_submitted_again_as_a_new_one() -> None:
    async with open_account() as account:
        office, entries = account.simulator.office, account.log(2)
        first = office.submit("time_entries", entries)
        rejected = await account.send(
            "PUT", f"timesheet_submissions/{first}/reject", {"resolution": {"description": "no"}}
        )
        row = (await account.get("time_entries"))["time_entries"][entries[0]]
        second = office.submit("time_entries", entries)
        old = await account.get("time_entries", with_recent_timesheet_ids=first)
    assert rejected.json()["timesheet_submissions"][first]["status"] == "rejected"
    assert (row["active_submission_id"], row["recent_submission_id"]) == (None, first)
    assert (second != first, old["count"]) == (True, 0)


async def test_bulk_approval_answers_resolutions() -> None:
    async with open_account() as account:
        sheet = account.simulator.office.submit("time_entries", account.log(2))
        body = {"resolution": {"submission_ids": [int(sheet)]}}
        answer = await account.send("POST", "timesheet_approvals", body)
        (resolution,) = answer.json()["resolutions"].values()
        assert (await account.get("time_entries", approved="1"))["count"] == 2
    assert (resolution["type"], resolution["target_id"]) == ("approval", sheet)


@pytest.mark.parametrize("approved", [True, False])
async def test_only_approved_time_can_be_invoiced_and_is_locked_then(approved: bool) -> None:
    async with open_account() as account:
        entries = account.log(2)
        if approved:
            account.simulator.office.approve_time(entries, account.user)
        invoice = {"workspace_id": account.project, "payment_schedule": 30, "draft": True}
        lines = {"invoice": {**invoice, "time_entry_ids": entries}}
        made = await account.send("POST", "invoices", lines)
        again = await account.send("POST", "invoices", lines)
        edit = await account.send(
            "PUT", f"time_entries/{entries[0]}", {"time_entry": {"notes": "late"}}
        )
    wanted = (200, 422, 422) if approved else (422, 422, 200)
    assert (made.status_code, again.status_code, edit.status_code) == wanted


async def test_a_deleted_draft_frees_its_lines() -> None:
    async with open_account() as account:
        entries = account.log()
        account.simulator.office.approve_time(entries, account.user)
        body = {"payment_schedule": 30, "draft": True, "time_entry_ids": entries}
        made = (await account.send("POST", "invoices", {"invoice": body})).json()
        await account.http.delete(f"/api/v1/invoices/{made['results'][0]['id']}")
        assert (await account.get("time_entries", uninvoiced="1"))["count"] == 1


@pytest.mark.parametrize(("refuse", "status"), [(False, 200), (True, 422)])
async def test_a_second_record_under_one_reference_is_a_switch(refuse: bool, status: int) -> None:
    reference = {"service_name": "c2c", "service_model": "client", "service_model_ref": "7"}
    body = {"workspace_group": {"name": "F", "external_reference": reference}}
    async with open_account() as account:
        account.simulator.office.set_switch("one_object_per_reference", refuse)
        await account.send("POST", "workspace_groups", body)
        assert (await account.send("POST", "workspace_groups", body)).status_code == status


async def test_bulk_creates_are_all_or_nothing() -> None:
    async with open_account() as account:
        part = {"workspace_id": account.project, "role": "maven"}
        bodies = [{**part, "user_id": account.user}, {**part, "user_id": 999_999}]
        answer = await account.send("POST", "participations", {"participations": bodies})
        rows = await account.get("participations", workspace_id=account.project)
    assert (answer.status_code, rows["count"]) == (422, 0)


async def test_financial_columns_vanish_without_the_right_to_see_them() -> None:
    async with open_account() as account:
        account.log()
        account.simulator.office.hide_financial_fields()
        (row,) = (await account.get("time_entries"))["time_entries"].values()
    assert "rate_in_cents" not in row
    assert "time_in_minutes" in row


@pytest.mark.parametrize(("seconds", "header"), [(None, None), (7.0, "7")])
async def test_too_many_requests_may_or_may_not_name_a_time(
    seconds: float | None, header: str | None
) -> None:
    async with open_account() as account:
        account.simulator.office.plan_fault(FaultKind.BUSY, times=2, seconds=seconds)
        answers = [await account.http.get("/api/v1/users") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers.get("retry-after") == header


async def test_a_lost_answer_is_an_exception_in_this_process() -> None:
    async with open_account() as account:
        account.simulator.office.plan_fault(FaultKind.DROP, "POST")
        with pytest.raises(ConnectionDropped):
            await account.send("POST", "workspace_groups", {"workspace_group": {"name": "F"}})
        assert (await account.get("workspace_groups"))["count"] == 1


async def test_people_work_over_http_too() -> None:
    async with open_account() as account:
        arguments = {
            "project": account.project,
            "user": account.user,
            "day": "2026-09-02",
            "minutes": 60,
            "count": 3,
        }
        logged = await account.http.post("/_admin/log_time", json=arguments)
        wrong = await account.http.post("/_admin/log_time", json={"project": "1"})
        unknown = await account.http.post("/_admin/__init__", json={})
    assert len(logged.json()) == 3
    assert (wrong.status_code, unknown.status_code) == (422, 404)


@asynccontextmanager
async def served(simulator: Simulator) -> AsyncIterator[str]:
    """The simulator on a real loopback port."""
    config = uvicorn.Config(simulator, port=0, log_level="critical", ws="none")
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/api/v1/"
    finally:
        await server.shutdown()


async def test_a_lost_answer_is_a_broken_connection_over_a_real_network() -> None:
    simulator = create_app()
    async with served(simulator) as address:
        context = make_context(simulator, {"base_url": address, "settle_looks": 0})
        over_network = AdapterContext(context.system, context.landscape, context.secrets)
        ports = build(over_network)
        assert ports.psa is not None
        simulator.office.plan_fault(FaultKind.DROP, "POST", "workspace_groups")
        with pytest.raises(OutcomeUnknown):
            await ports.psa.ensure_client(make_client(), key="FALK")
        await ports.psa.ensure_client(make_client(), key="FALK")
        await ports.close()
    assert len(simulator.office.rows("workspace_groups")) == 1
