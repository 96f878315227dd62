"""Why an entry is not billed: what the store knows of it, brought together for `canonical.why`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.errors import RuleViolation
from canonical.ids import ContractId
from canonical.landscape import Landscape
from canonical.why.explain import explain, not_told
from canonical.why.facts import Facts, Place, Trouble
from canonical.why.model import Why
from canonical.why.pieces import ON_DOCUMENTS, Piece, entry_of, hear, pieces_of, work_of
from canonical.work import Expense, TimeEntry
from store import why_facts as known
from store.books.ledger import Ledger
from store.reports.scope import snapshot
from store.why_facts import Entry, Heard


class _Told(NamedTuple):
    """What the books of the entry's contracts say."""

    pieces: Sequence[Piece] = ()
    refusal: Trouble | None = None
    is_unheard: bool = False


class WhyStore:
    """Read-only; one moment of the database for everything that is said of an entry."""

    def __init__(self, engine: AsyncEngine, landscape: Landscape) -> None:
        self._engine, self._landscape = engine, landscape
        self._ledger = Ledger(landscape)

    async def entries_named(self, text: str) -> Sequence[str]:
        """`text` itself if it names an entry, else all entries with that external id."""
        async with snapshot(self._engine) as connection:
            return await known.entries_named(connection, text)

    async def why(self, entry: str, now: datetime) -> Why:
        """`entry` is `<source>/<kind>/<external id>`. Raises LedgerDrift for a contract whose past
        does not come out as it was kept."""
        async with snapshot(self._engine) as connection:
            found = await known.entry(connection, entry)
            if found is None:
                source = entry.partition("/")[0]
                return not_told(entry, source, await known.last_read(connection, source))
            return explain(await self._facts(connection, found, now))

    async def _facts(self, connection: AsyncConnection, entry: Entry, now: datetime) -> Facts:
        place = await known.place(connection, entry.item.project)
        heard = await known.heard(connection, entry.id)
        told = await self._told(connection, entry, place, heard, now)
        contracts = {piece.contract for piece in told.pieces}
        billing = {piece.contract for piece in told.pieces if piece.state in ON_DOCUMENTS}
        zone = self._zone(place)
        return Facts(
            item=entry.item,
            stored_at=entry.stored_at,
            today=now.astimezone(zone).date(),
            recall_pending=entry.recall_pending,
            was_approved=any(each.effect != "submitted" for each in heard.values()),
            place=place,
            pieces=told.pieces,
            gone=frozenset(each for each in billing if _is_gone(entry, place, heard, each)),
            is_changed=_is_changed(entry, place, heard),
            is_unheard=told.is_unheard,
            refusal=told.refusal,
            last_run=await known.run(connection, place, is_open=False),
            open_run=await known.run(connection, place, is_open=True),
            documents=await known.documents(connection, [each.document for each in told.pieces]),
            write_downs=await known.write_downs(connection, contracts, entry_of(entry.item)),
            credit_since=await known.credit_since(connection, entry.id),
        )

    async def _told(
        self,
        connection: AsyncConnection,
        entry: Entry,
        place: Place | None,
        heard: Mapping[str, Heard],
        now: datetime,
    ) -> _Told:
        """From the books of the contract that the entry belongs to, and of those that billed it."""
        ours = place.contract if place is not None else ""
        pieces: list[Piece] = []
        for contract in await known.contracts_that_billed(connection, entry.id, ours):
            pieces += await self._pieces(connection, contract, entry, (), now)
        if place is None:
            return _Told(pieces)
        mine, refusal = await self._mine(connection, place, entry, now)
        return _Told([*pieces, *mine], refusal, _is_unheard(entry, place, heard))

    async def _mine(
        self, connection: AsyncConnection, place: Place, entry: Entry, now: datetime
    ) -> tuple[list[Piece], Trouble | None]:
        """As the next run would find it; where that would be refused, as the books stand."""
        refusal = None
        is_open = entry.item.approved and entry.net_billed < entry.item.quantity
        news = await known.unheard(connection, place) if is_open else ()
        for told in [news, ()] if news else [()]:
            try:
                return await self._pieces(connection, place.contract, entry, told, now), refusal
            except RuleViolation as refused:
                refusal = Trouble.of(refused.owner, str(refused), refused.remedy)
        return [], refusal

    async def _pieces(
        self,
        connection: AsyncConnection,
        contract: str,
        entry: Entry,
        news: Sequence[TimeEntry | Expense],
        now: datetime,
    ) -> list[Piece]:
        """As the books stand, or would stand once they heard the news; nothing of it is kept."""
        group, told = await self._ledger.read(connection, ContractId(contract))
        on, version = self._ledger.local(now, group.newest), group.newest
        entity = self._landscape.entity(version.legal_entity)
        works = [
            work_of(each, entity, self._ledger.local(each.approved_at or now, version))
            for each in news
        ]
        if works:
            await asyncio.to_thread(hear, told.telling, contract, works, on)
        books, name = told.telling.books, entry_of(entry.item)
        return await asyncio.to_thread(pieces_of, books, name, on.date())

    def _zone(self, place: Place | None) -> ZoneInfo:
        entity = place.legal_entity if place is not None else ""
        return self._ledger.zone(entity) if entity else ZoneInfo("UTC")


def _belongs(entry: Entry, place: Place | None, contract: str) -> bool:
    """Whether the contract's books are to hear of the entry as approved."""
    return (
        entry.item.approved
        and place is not None
        and place.contract == contract
        and entry.item.work_date >= place.begins
    )


def _is_gone(entry: Entry, place: Place | None, heard: Mapping[str, Heard], contract: str) -> bool:
    mine = heard.get(contract)
    return not _belongs(entry, place, contract) or (mine is not None and mine.effect == "gone")


def _is_unheard(entry: Entry, place: Place, heard: Mapping[str, Heard]) -> bool:
    """Approved as it is, billed by nobody, and not told to the books as it is."""
    mine = heard.get(place.contract)
    is_news = mine is None or mine.effect == "gone" or mine.revision != entry.revision
    return _belongs(entry, place, place.contract) and not entry.net_billed and is_news


def _is_changed(entry: Entry, place: Place | None, heard: Mapping[str, Heard]) -> bool:
    """Billed, and another content since; a change that was heard is gone, or told."""
    mine = heard.get(place.contract) if place is not None else None
    return (
        mine is not None
        and mine.effect == "approved"
        and mine.revision != entry.revision
        and bool(entry.net_billed)
    )
