"""Activities run as Temporal runs them, over a real store; waits are short."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import pytest
from temporalio.testing import ActivityEnvironment

from activities import posting, sources
from canonical.invoice import Invoice
from tests import builders as make
from tests.activities.systems.crm import FakeCrm
from tests.activities.systems.erp import LyingErp
from tests.activities.systems.psa import FakePsa, FakeSource
from tests.store.conftest import Store, active, draft, store

__all__ = ["Store", "active", "draft", "perform", "store"]

P = TypeVar("P")
T = TypeVar("T")

NOW = datetime(2026, 12, 2, 12, tzinfo=UTC)


async def perform(
    method: Callable[[P], Awaitable[T]], request: P, *, attempt: int = 1, activity_id: str = "1"
) -> T:
    """Run an activity of the workflow `wf` once."""
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(
        environment.info, workflow_id="wf", activity_id=activity_id, attempt=attempt
    )
    return await environment.run(method, request)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "SETTLE_S", 0.0)
    monkeypatch.setattr(posting, "LANE_EVERY_S", 0.01)
    monkeypatch.setattr(sources, "PUSH_CHECK_EVERY_S", 0.0)


@pytest.fixture
def crm() -> FakeCrm:
    return FakeCrm(deals={make.DEAL: make.make_deal()})


@pytest.fixture
def psa() -> FakePsa:
    return FakePsa()


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


@pytest.fixture
def erp() -> LyingErp:
    return LyingErp()


@pytest.fixture
async def billable(store: Store, draft: Invoice, erp: LyingErp) -> Invoice:
    """A draft in the store whose client is linked in the ERP."""
    client = await store.invoices.client(draft.bill_to)
    reference = await erp.ensure_client(client, key=client.code)
    await store.engagements.link("client", client.id, reference)
    return draft
