"""The posting protocol over the real server: one entry, whatever the proxy does to its answers."""

from __future__ import annotations

from datetime import date

import pytest

from activities import posting
from activities.journals import JournalActivities, PostEntry
from adapters.tryton.local.admin import Accountant
from adapters.tryton.local.figures import posted_entries
from adapters.tryton.simulator import Fault, FaultKind, FaultProxy
from canonical.errors import DataRejected, OutcomeUnknown, SystemUnavailable
from canonical.journal_entry import JournalEntry
from canonical.landscape import Landscape
from canonical.ports import Erp
from canonical.revenue import SealedEntry
from tests.activities.conftest import perform
from tests.activities.systems.cases import FakeCases
from tests.activities.systems.revenue import FakeBooks, FakeLanes, FakeRevenueRecords
from tests.adapters.tryton.builders import ENTITY, SYSTEM, make_entity, make_entry
from tests.adapters.tryton.plant import Plant

CREATE, POST = "model.account.move.create", "model.account.move.post"


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "SETTLE_S", 0.0)


class Desk:
    """Drafts and posts one sealed entry; the ERP is real, the store is in memory."""

    def __init__(self, erp: Erp, plant: Plant, entry: JournalEntry | None = None) -> None:
        self._entry = entry or make_entry()
        records = FakeRevenueRecords(FakeBooks(ENTITY))
        records.sealed.append(SealedEntry(entry=self._entry, number=1))
        landscape = Landscape.model_construct(
            environment="test", systems=(), entities=(make_entity(),)
        )
        self._activities = JournalActivities(
            SYSTEM, erp, records, FakeCases(), FakeLanes(), landscape
        )
        self._request, self._plant = PostEntry(key=self._entry.key), plant

    async def draft(self, attempt: int = 1) -> None:
        await perform(self._activities.draft_entry, self._request, attempt=attempt)

    async def post(self, attempt: int = 1) -> tuple[str, ...]:
        """The differences between what was sealed and what the server booked."""
        posted = await perform(self._activities.post_entry, self._request, attempt=attempt)
        return posted.differences

    async def states(self) -> list[str]:
        """Of all entries in the server's database that carry the key."""
        return [each.state for each in await posted_entries(self._plant.dsn, self._entry.key)]


@pytest.fixture
def desk(erp: Erp, plant: Plant) -> Desk:
    return Desk(erp, plant)


async def test_a_sealed_entry_is_booked_as_it_was_sealed(desk: Desk) -> None:
    await desk.draft()
    assert await desk.post() == ()
    assert await desk.post(attempt=2) == ()
    assert await desk.states() == ["posted"]


async def test_a_draft_whose_answer_was_lost_is_adopted_and_not_doubled(
    desk: Desk, proxy: FaultProxy
) -> None:
    proxy.inject(Fault(kind=FaultKind.LOSE_ANSWER, method=CREATE))
    with pytest.raises(OutcomeUnknown):
        await desk.draft()
    await desk.draft(attempt=2)
    assert await desk.post() == ()
    assert (await desk.states(), proxy.calls[CREATE]) == (["posted"], 1)


async def test_a_draft_that_is_committed_late_is_removed_when_the_other_is_posted(
    desk: Desk, proxy: FaultProxy
) -> None:
    proxy.inject(Fault(kind=FaultKind.COMMIT_LATE, method=CREATE, delay_s=600))
    with pytest.raises(OutcomeUnknown):
        await desk.draft()
    await desk.draft(attempt=2)
    await proxy.land()
    assert await desk.states() == ["draft", "draft"]
    assert await desk.post() == ()
    assert await desk.states() == ["posted"]


async def test_a_post_whose_answer_was_lost_is_found_posted(desk: Desk, proxy: FaultProxy) -> None:
    await desk.draft()
    proxy.inject(Fault(kind=FaultKind.LOSE_ANSWER, method=POST))
    with pytest.raises(SystemUnavailable):
        await desk.post()
    assert await desk.post(attempt=2) == ()
    assert await desk.states() == ["posted"]


async def test_an_entry_for_a_closed_period_waits_for_it_to_be_opened(
    erp: Erp, plant: Plant, accountant: Accountant
) -> None:
    entry = make_entry(on=date(2028, 10, 31))
    desk = Desk(erp, plant, entry)
    await accountant.close_period(entry.on)
    with pytest.raises(DataRejected, match="is closed"):
        await desk.draft()
    await accountant.reopen_period(entry.on)
    await desk.draft(attempt=2)
    assert (await desk.post(), await desk.states()) == ((), ["posted"])
