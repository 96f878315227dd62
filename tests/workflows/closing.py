"""A revenue close in a small world: the real activities over books, seals and an ERP in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from activities.journals import JournalActivities
from activities.revenue import RevenueActivities
from canonical.ids import ContractId
from canonical.journal_entry import DraftEntry, PostedEntry
from canonical.landscape import Landscape, Owner
from canonical.ledger.transfer import Transfer, transfer
from canonical.periods import last_day
from canonical.records import CaseRecords
from canonical.revenue import PeriodBooks
from tests import builders as make
from tests.activities.systems.erp import LyingErp
from tests.activities.systems.revenue import PERIOD, FakeBooks, FakeLanes, FakeRevenueRecords


class StuckErp(LyingErp):
    """While `stuck` is set, a post does not come back; its worker can only be stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.stuck: Callable[[], Any] | None = None

    async def post_entry(self, draft: DraftEntry) -> PostedEntry:
        if self.stuck is not None:
            await self.stuck()
        return await super().post_entry(draft)


THEIRS = "NORTH-UK"
"""A legal entity whose ERP recognises revenue."""


def _landscape() -> Landscape:
    theirs = make.make_entity(code=THEIRS, revenue_owner=Owner.ERP)
    ours = make.make_landscape()
    return ours.model_copy(update={"entities": (*ours.entities, theirs)})


class Closing:
    """One legal entity with one contract that earned 100.00."""

    def __init__(self, erp_system: str, cases: CaseRecords) -> None:
        self.books = FakeBooks(make.ENTITY, {"C-1": "100.00"})
        self.records = FakeRevenueRecords(self.books)
        self.erp = StuckErp()
        self.landscape = _landscape()
        self._system, self._cases = erp_system, cases

    def activities(self) -> list[Callable[..., Any]]:
        revenue = RevenueActivities(
            self.books, self.records, self._cases, lambda: datetime.now(UTC)
        )
        journals = JournalActivities(
            self._system, self.erp, self.records, self._cases, FakeLanes(), self.landscape
        )
        return [
            revenue.close_contracts,
            journals.seal_entry,
            journals.draft_entry,
            journals.post_entry,
        ]

    async def seal(self) -> None:
        """As an earlier close did that never posted what it sealed."""
        for contract in list(self.books.owed):
            await self.books.close_revenue(ContractId(contract), PERIOD, datetime.now(UTC))
        await self.records.seal_entry(make.ENTITY, PERIOD, self._all_of)

    def _all_of(self, books: PeriodBooks) -> Transfer:
        entity = self.landscape.entity(make.ENTITY)
        return transfer(entity, PERIOD, last_day(PERIOD), books.journals, ())
