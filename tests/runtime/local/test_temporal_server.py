"""The local Temporal server: ready means usable, state outlives a crash, actions can be counted."""

from pathlib import Path

import httpx
import pytest
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest

from runtime.local.processes import ProcessError
from runtime.local.temporal_server import (
    TemporalOptions,
    TemporalServer,
    count_actions,
    temporal_program,
)
from runtime.settings import Settings
from runtime.temporal import connect
from tests.runtime.conftest import CODEC

METRICS = """
# TYPE action counter
action{action_type="grpc_StartWorkflowExecution",namespace="default",service_name="frontend"} 2
action{action_type="command_ScheduleActivityTask",namespace="default",service_name="history"} 5
action{action_type="grpc_StartWorkflowExecution",namespace="temporal_system"} 9
# TYPE actions_of_others counter
actions_of_others{namespace="default"} 100
"""


def settings_of(server: TemporalServer) -> Settings:
    return Settings(temporal_address=server.address, temporal_namespace=server.options.namespace)


async def start_sleeper(server: TemporalServer, workflow_id: str) -> None:
    """A workflow that no worker takes up: it only has to be there."""
    client = await connect(settings_of(server))
    await client.start_workflow("Sleeper", id=workflow_id, task_queue="nobody")


async def is_running(server: TemporalServer, workflow_id: str) -> bool:
    client = await connect(settings_of(server))
    description = await client.get_workflow_handle(workflow_id).describe()
    return description.status is not None and description.status.name == "RUNNING"


async def test_when_it_is_started_search_attributes_and_ui_can_be_used(
    temporal_server: TemporalServer,
) -> None:
    client = await connect(settings_of(temporal_server))
    request = ListSearchAttributesRequest(namespace="default")
    known = await client.operator_service.list_search_attributes(request)
    assert "ClientId" in known.custom_attributes
    assert temporal_server.ui_url is not None
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(temporal_server.ui_url)).status_code == 200


async def test_the_ui_is_told_where_payloads_are_decoded(temporal_server: TemporalServer) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        settings = (await http.get(f"{temporal_server.ui_url}/api/v1/settings")).json()
    assert settings["Codec"]["Endpoint"] == CODEC


async def test_with_a_database_file_state_outlives_stop_and_kill(tmp_path: Path) -> None:
    options = TemporalOptions(
        database=tmp_path / "temporal.db", search_attributes={"ClientId": "Keyword"}
    )
    async with TemporalServer(tmp_path, options) as server:
        address = server.address
        await start_sleeper(server, "kept")
        await server.restart()
        assert await is_running(server, "kept")
        await server.kill()
        await server.start()
        assert await is_running(server, "kept")
        assert server.address == address


async def test_a_namespace_of_its_own_can_be_used_at_once(tmp_path: Path) -> None:
    async with TemporalServer(tmp_path, TemporalOptions(namespace="billing")) as server:
        await start_sleeper(server, "there")
        assert await is_running(server, "there")


async def test_the_actions_of_our_namespace_are_counted(tmp_path: Path) -> None:
    async with TemporalServer(tmp_path) as server:
        before = await server.actions()
        for number in range(3):
            await start_sleeper(server, f"sleeper-{number}")
        assert await server.settled_actions(quiet_seconds=2.5) - before == 3


def test_only_the_action_counter_of_the_namespace_is_summed() -> None:
    assert count_actions(METRICS, "default") == 7


async def test_an_option_that_the_server_refuses_is_reported_with_its_words(
    tmp_path: Path,
) -> None:
    server = TemporalServer(tmp_path, TemporalOptions(search_attributes={"ClientId": "Colour"}))
    with pytest.raises(ProcessError, match=r"(?s)temporal ended.*Colour"):
        await server.start()
    assert server.pid is None


def test_the_program_is_the_one_beside_the_interpreter() -> None:
    assert temporal_program().name == "temporal"
    assert temporal_program().is_file()
