"""Logins: renewed when the server forgot us, not repeated when it refuses us."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pydantic import SecretStr

from adapters.tryton import build
from adapters.tryton.simulator import Fault, FaultKind, FaultProxy
from canonical.errors import SystemRefusesUs, SystemUnavailable
from canonical.ports import Erp
from tests.adapters.tryton.builders import make_context
from tests.adapters.tryton.plant import Plant

LOGIN = "common.db.login"


@pytest_asyncio.fixture
async def stranger(plant: Plant, proxy: FaultProxy) -> AsyncIterator[Erp]:
    """An adapter with a login that the server has never heard of."""
    context = make_context(
        proxy.url, plant.server.database, SecretStr("a-wrong-password"), user="stranger"
    )
    ports = build(context)
    assert ports.erp is not None
    yield ports.erp
    await ports.close()


async def test_a_refused_login_is_not_tried_again_at_once(stranger: Erp, proxy: FaultProxy) -> None:
    for _ in range(3):
        with pytest.raises(SystemRefusesUs, match="'stranger' was refused"):
            await stranger.check()
    assert proxy.calls[LOGIN] == 1


async def test_an_error_never_tells_the_password(stranger: Erp) -> None:
    with pytest.raises(SystemRefusesUs) as refused:
        await stranger.check()
    assert "a-wrong-password" not in f"{refused.value!r} {refused.value.__cause__!r}"


async def test_a_login_that_meets_a_broken_server_is_tried_again(
    erp: Erp, proxy: FaultProxy
) -> None:
    proxy.inject(Fault(kind=FaultKind.ANSWER_BEFORE, method=LOGIN, status=500))
    with pytest.raises(SystemUnavailable):
        await erp.check()
    await erp.check()
    assert proxy.calls[LOGIN] == 2


async def test_another_environments_erp_is_refused_by_the_check(
    plant: Plant, proxy: FaultProxy
) -> None:
    context = make_context(
        proxy.url,
        plant.server.database,
        plant.erp.prepared.credentials.api_password,
        organisation="Southfield Ltd",
    )
    ports = build(context)
    assert ports.erp is not None
    with pytest.raises(SystemRefusesUs, match="Southfield"):
        await ports.erp.check()
    await ports.close()
