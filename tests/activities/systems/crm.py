"""A CRM in memory: its deals, its list of won deals, and what it was told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from canonical.deal import Deal, WonDeal
from canonical.errors import RecordMissing, SystemUnavailable
from canonical.ids import ExternalRef
from canonical.payment import BillingStatus
from tests.builders import CRM


@dataclass
class FakeCrm:
    """`won` are the pages of the sweep, each with the cursor after it."""

    deals: dict[ExternalRef, Deal] = field(default_factory=dict)
    won: list[tuple[list[WonDeal], str]] = field(default_factory=list)
    breaks_after_pages: int | None = None
    told: list[BillingStatus] = field(default_factory=list)

    async def check(self) -> str:
        return "a CRM in memory"

    async def read_deal(self, deal: ExternalRef) -> Deal:
        if deal not in self.deals:
            raise RecordMissing(CRM, f"there is no deal {deal}")
        return self.deals[deal]

    async def deals_won_since(self, cursor: str) -> AsyncIterator[tuple[Sequence[WonDeal], str]]:
        ends = [end for _, end in self.won]
        for number, page in enumerate(self.won[ends.index(cursor) + 1 if cursor else 0 :]):
            if number == self.breaks_after_pages:
                raise SystemUnavailable(CRM, "the connection broke between two pages")
            yield page

    async def tell_status(self, deal: ExternalRef, status: BillingStatus) -> None:
        self.told.append(status)
