"""The real server as a child: crashes lose nothing that was answered, configuration stays ours."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from adapters.tryton import build
from adapters.tryton.local.launch import RunningErp, launch
from adapters.tryton.local.server import ServerOptions, TrytonServer
from adapters.tryton.simulator import Fault, FaultKind
from canonical.errors import SystemUnavailable
from canonical.ports import Erp
from runtime.local.processes import ProcessError
from tests.adapters.tryton.builders import (
    ENTITY,
    TODAY,
    make_client,
    make_context,
    make_invoice,
    unique,
)
from tests.adapters.tryton.plant import TEMPLATE, Plant


@pytest_asyncio.fixture
async def own_erp(plant: Plant, tmp_path: Path) -> AsyncIterator[tuple[RunningErp, Erp]]:
    """A server of the test's own, with a session that is stale at once, and an adapter."""
    database = unique("own").lower().replace("-", "_")
    options = ServerOptions(session_timeout_s=1)
    async with launch(
        plant.erp, plant.postgres, tmp_path, database=database, template=TEMPLATE, options=options
    ) as running:
        password = plant.erp.prepared.credentials.api_password
        ports = build(make_context(running.url, database, password))
        assert ports.erp is not None
        yield running, ports.erp
        await ports.close()


async def test_a_killed_server_has_everything_that_it_had_answered(
    own_erp: tuple[RunningErp, Erp],
) -> None:
    running, erp = own_erp
    client = make_client()
    reference = await erp.ensure_client(client, key="c")
    await running.server.kill()
    with pytest.raises(SystemUnavailable):
        await erp.find_client(ENTITY, client.code)
    await running.server.start()
    assert await erp.find_client(ENTITY, client.code) == reference


async def test_a_session_that_the_server_forgot_is_renewed_and_the_post_done_once(
    own_erp: tuple[RunningErp, Erp],
) -> None:
    running, erp = own_erp
    invoice = make_invoice()
    client = await erp.ensure_client(make_client(), key="c")
    draft = await erp.create_draft(invoice, client, key=invoice.key)
    await erp.find_invoices(ENTITY, invoice.key)
    stale = Fault(kind=FaultKind.DELAY, method="model.account.invoice.post", delay_s=1.2)
    running.proxy.inject(stale)
    assert (await erp.post_invoice(draft, TODAY)).number.endswith("00001")
    assert running.proxy.calls["common.db.login"] == 2


async def test_the_configuration_can_be_read_by_nobody_else(plant: Plant) -> None:
    (configuration,) = plant.directory.glob("tryton-*.conf")
    assert stat.S_IMODE(configuration.stat().st_mode) == 0o600


async def test_no_password_is_in_the_servers_log_or_configuration(plant: Plant) -> None:
    credentials = plant.erp.prepared.credentials
    written = "".join(path.read_text() for path in plant.directory.glob("tryton-*"))
    assert written
    for secret in (credentials.admin_password, credentials.api_password):
        assert secret.get_secret_value() not in written


async def test_a_server_that_cannot_start_says_why(plant: Plant, tmp_path: Path) -> None:
    server = TrytonServer(plant.erp.environment, "nonsense://", "erp", tmp_path)
    with pytest.raises(ProcessError, match="nonsense"):
        await server.start()
    assert not server.running
