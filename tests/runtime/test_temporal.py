"""Reaching Temporal, on a real server: models travel, encryption hides them, metrics are served."""

from base64 import b64encode
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from pydantic import BaseModel
from temporalio import activity, workflow
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.service import TLSConfig
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from runtime.local.processes import free_port
from runtime.local.temporal_server import TemporalServer
from runtime.settings import Settings
from runtime.temporal import connect, data_converter, metrics_runtime, tls_config
from tests.runtime.conftest import encoded_key

QUEUE = "runtime-tests"


class Fee(BaseModel):
    client: str
    amount: Decimal


@activity.defn
async def double_fee(fee: Fee) -> Fee:
    if fee.amount < 0:
        raise ApplicationError(f"{fee.client} owes a negative fee", non_retryable=True)
    return Fee(client=fee.client, amount=fee.amount * 2)


@workflow.defn
class DoubleFee:
    @workflow.run
    async def run(self, fee: Fee) -> Fee:
        limit = timedelta(seconds=30)
        return await workflow.execute_activity(double_fee, fee, start_to_close_timeout=limit)


def make_settings(server: TemporalServer, *, encrypted: bool = False) -> Settings:
    values: dict[str, object] = {"temporal_address": server.address}
    if encrypted:
        values["payload_keys"] = f"2026:{encoded_key(1)}"
    return Settings.model_validate(values)


async def run_double_fee(settings: Settings, workflow_id: str, amount: str = "12.50") -> str:
    """Run the workflow; what the server holds of it, as JSON."""
    client = await connect(settings)
    fee = Fee(client="Falkenstein", amount=Decimal(amount))
    runner = UnsandboxedWorkflowRunner()  # the sandbox would load this test module again
    worker = Worker(
        client,
        task_queue=QUEUE,
        workflows=[DoubleFee],
        activities=[double_fee],
        workflow_runner=runner,
    )
    async with worker:
        handle = await client.start_workflow(DoubleFee.run, fee, id=workflow_id, task_queue=QUEUE)
        try:
            assert (await handle.result()).amount == Decimal(amount) * 2
        except WorkflowFailureError:
            assert Decimal(amount) < 0
    return (await handle.fetch_history()).to_json()


async def test_pydantic_models_travel_as_readable_json(temporal_server: TemporalServer) -> None:
    history = await run_double_fee(make_settings(temporal_server), "plain")
    assert encodings(history) == {"json/plain"}


async def test_with_payload_keys_the_server_holds_only_ciphertext(
    temporal_server: TemporalServer,
) -> None:
    history = await run_double_fee(make_settings(temporal_server, encrypted=True), "encrypted")
    assert encodings(history) == {"binary/encrypted"}


async def test_with_payload_keys_failure_messages_are_hidden_too(
    temporal_server: TemporalServer,
) -> None:
    settings = make_settings(temporal_server, encrypted=True)
    history = await run_double_fee(settings, "encrypted-failure", amount="-1")
    assert "negative fee" not in history


async def test_an_encrypted_history_replays_with_the_data_converter(
    temporal_server: TemporalServer,
) -> None:
    settings = make_settings(temporal_server, encrypted=True)
    await run_double_fee(settings, "replayed")
    client = await connect(settings)
    history = await client.get_workflow_handle("replayed").fetch_history()
    replayer = Replayer(
        workflows=[DoubleFee],
        data_converter=data_converter(settings),
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    result = await replayer.replay_workflow(history)
    assert result.replay_failure is None


async def test_metrics_of_the_sdk_are_served_on_their_port(
    temporal_server: TemporalServer,
) -> None:
    port = free_port()
    settings = Settings(temporal_address=temporal_server.address, temporal_metrics_port=port)
    client = await connect(settings, sdk_runtime=metrics_runtime(settings))
    assert await client.service_client.check_health()
    async with httpx.AsyncClient(trust_env=False) as http:
        response = await http.get(f"http://127.0.0.1:{port}/metrics")
    assert "temporal_request" in response.text


def test_without_a_port_the_sdk_serves_no_metrics() -> None:
    assert metrics_runtime(Settings()) is None


async def test_a_server_that_is_not_there_is_an_error_at_once() -> None:
    settings = Settings(temporal_address=f"127.0.0.1:{free_port()}")
    with pytest.raises(RuntimeError, match="connect"):
        await connect(settings)


def test_traffic_is_plain_unless_asked_otherwise() -> None:
    assert tls_config(Settings()) is False


@pytest.mark.parametrize("setting", [{"temporal_tls": True}, {"temporal_api_key": "key"}])
def test_tls_and_an_api_key_switch_encryption_of_traffic_on(setting: dict[str, object]) -> None:
    assert tls_config(Settings.model_validate(setting)) is True


def test_certificates_are_read_from_their_files(tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text(name)
    config = tls_config(
        Settings(
            temporal_tls_server_ca_path=tmp_path / "ca",
            temporal_tls_cert_path=tmp_path / "cert",
            temporal_tls_key_path=tmp_path / "key",
            temporal_tls_server_name="temporal.example.com",
        )
    )
    assert config == TLSConfig(
        server_root_ca_cert=b"ca",
        client_cert=b"cert",
        client_private_key=b"key",
        domain="temporal.example.com",
    )


def encodings(history: str) -> set[str]:
    """Which of the two payload encodings occur in a history's JSON, where they are base64."""
    names = ("json/plain", "binary/encrypted")
    return {name for name in names if b64encode(name.encode()).decode() in history}
