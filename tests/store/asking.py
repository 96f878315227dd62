"""Asking why: the lines of an entry's answer, which must add up to the entry."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.landscape import Landscape
from canonical.why.model import Why, WhyLine, WhyState
from store.why import WhyStore

BILLED = (WhyState.BILLED, WhyState.ON_DRAFT, WhyState.AWAITS_CREDIT)


class Desk:
    """Answers on one day."""

    def __init__(self, engine: AsyncEngine, landscape: Landscape, on: datetime) -> None:
        self._store, self._on = WhyStore(engine, landscape), on

    async def why(self, entry: str) -> Why:
        """The parts add up to the entry, whatever they are; while more of it is billed, to that."""
        found = await self._store.why(entry, self._on)
        billed = sum((line.quantity for line in found.lines if line.state in BILLED), Decimal(0))
        total = sum((line.quantity for line in found.lines), Decimal(0))
        assert total == max(found.quantity, billed), [line.sentence for line in found.lines]
        return found

    async def lines(self, entry: str) -> tuple[WhyLine, ...]:
        return (await self.why(entry)).lines

    async def line(self, entry: str) -> WhyLine:
        """Of an entry that is in one state."""
        (only,) = await self.lines(entry)
        return only

    async def named(self, text: str) -> list[str]:
        return list(await self._store.entries_named(text))


def noon_of(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)
