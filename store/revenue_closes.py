"""Revenue closes: what is sealed for the ERP, decided once, and how the ERP booked it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import RowMapping, insert, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.errors import RuleViolation
from canonical.ids import ExternalRef
from canonical.journal_entry import JournalEntry, PostedEntry
from canonical.landscape import Landscape
from canonical.ledger.transfer import Transfer
from canonical.periods import Period
from canonical.records import Posting
from canonical.revenue import PeriodBooks, SealedEntry, Sealing
from canonical.transitions import PostingState
from store import postings, references, trail
from store.books.period import bookings_of, journals_of
from store.declarations import LOCK_BOOKS, books_of
from store.engagements import missing
from store.engine import transaction
from store.tables import revenue_close, revenue_posting


class RevenueStore:
    """Implements `canonical.revenue.RevenueRecords`."""

    def __init__(self, engine: AsyncEngine, landscape: Landscape) -> None:
        self._engine, self._landscape = engine, landscape

    async def is_locked(self, legal_entity: str, period: Period) -> bool:
        """A lock holds for the periods before it too."""
        async with transaction(self._engine) as connection:
            found = await connection.scalar(
                text(
                    "SELECT EXISTS (SELECT 1 FROM period_lock"
                    " WHERE legal_entity = :entity AND period >= :period)"
                ),
                {"entity": legal_entity, "period": period},
            )
        return bool(found)

    async def seal_entry(
        self, legal_entity: str, period: Period, make: Callable[[PeriodBooks], Transfer]
    ) -> Sealing:
        """See the port. Nobody posts in the entity's books meanwhile."""
        async with transaction(self._engine) as connection:
            await connection.execute(text(LOCK_BOOKS), {"lock": books_of(legal_entity)})
            sealed = await _entries(connection, legal_entity, period)
            waiting = _unposted(sealed)
            if waiting is not None:
                return Sealing(waiting)
            books = await self._books(connection, legal_entity, period, sealed)
            found = await asyncio.to_thread(make, books)
            if found.entry is None:
                return Sealing(None, found.differences)
            new = SealedEntry(entry=found.entry, number=len(sealed) + 1)
            await _keep(connection, new, len(found.differences))
        return Sealing(new, found.differences)

    async def unposted_entry(self, legal_entity: str, period: Period) -> SealedEntry | None:
        return _unposted(await self.sealed_entries(legal_entity, period))

    async def sealed_entry(self, key: str) -> SealedEntry:
        async with transaction(self._engine) as connection:
            return await _entry(connection, key)

    async def sealed_entries(self, legal_entity: str, period: Period) -> Sequence[SealedEntry]:
        async with transaction(self._engine) as connection:
            return await _entries(connection, legal_entity, period)

    async def record_entry(self, posted: PostedEntry) -> None:
        """See the port."""
        async with transaction(self._engine) as connection:
            known = await _entry(connection, posted.key)
            _require_posted(known, posted)
            await _keep_posted(connection, posted)
            entry = known.entry
            process = f"revenue/{entry.legal_entity}/{entry.period}"
            await postings.confirm(connection, process, posted.reference, entry.legal_entity)
            if not known.is_posted:
                await trail.note(
                    connection,
                    process,
                    "revenue.posted",
                    legal_entity=entry.legal_entity,
                    key=posted.key,
                    number=posted.number,
                    reference=str(posted.reference),
                )

    async def open_posting(self, key: str, system: str) -> Posting:
        async with transaction(self._engine) as connection:
            return await postings.open_posting(connection, key, system)

    async def advance_posting(self, key: str, before: PostingState, after: PostingState) -> bool:
        async with transaction(self._engine) as connection:
            return await postings.advance_posting(connection, key, before, after)

    async def bind_posting(self, key: str, reference: ExternalRef) -> ExternalRef:
        async with transaction(self._engine) as connection:
            return await postings.bind(connection, key, reference)

    async def _books(
        self,
        connection: AsyncConnection,
        legal_entity: str,
        period: Period,
        sealed: Sequence[SealedEntry],
    ) -> PeriodBooks:
        entity = self._landscape.entity(legal_entity)
        journals = await journals_of(connection, legal_entity, period)
        bookings = await bookings_of(connection, entity, period, journals)
        return PeriodBooks(journals, bookings, [_as_booked(each) for each in sealed])


_ENTRIES: Final = """
SELECT c.key, c.number, c.body, p.number AS posted_as, p.body AS posted
FROM revenue_close c LEFT JOIN revenue_posting p ON p.key = c.key
"""


async def _entries(
    connection: AsyncConnection, legal_entity: str, period: Period
) -> list[SealedEntry]:
    found = await connection.execute(
        text(f"{_ENTRIES} WHERE c.legal_entity = :entity AND c.period = :period ORDER BY c.number"),
        {"entity": legal_entity, "period": period},
    )
    return [_sealed(row) for row in found.mappings()]


async def _entry(connection: AsyncConnection, key: str) -> SealedEntry:
    """Locked, so that its posting is recorded by one at a time."""
    found = await connection.execute(
        text(f"{_ENTRIES} WHERE c.key = :key FOR NO KEY UPDATE OF c"), {"key": key}
    )
    row = found.mappings().one_or_none()
    if row is None:
        raise missing("sealed entry", key)
    return _sealed(row)


def _sealed(row: RowMapping) -> SealedEntry:
    entry = JournalEntry.model_validate(row["body"])
    if row["posted"] is None:
        return SealedEntry(entry=entry, number=row["number"])
    posted = PostedEntry.model_validate(row["posted"])
    return SealedEntry(
        entry=entry,
        number=row["number"],
        reference=posted.reference,
        posted_as=row["posted_as"],
        posted_on=posted.on,
        posted_lines=posted.lines,
    )


def _unposted(sealed: Sequence[SealedEntry]) -> SealedEntry | None:
    return next((each for each in sealed if not each.is_posted), None)


def _as_booked(sealed: SealedEntry) -> JournalEntry:
    """With the lines that the ERP booked, so that the next entry brings right what differs."""
    return sealed.entry.model_copy(update={"lines": sealed.posted_lines or sealed.entry.lines})


async def _keep(connection: AsyncConnection, sealed: SealedEntry, held_back: int) -> None:
    entry = sealed.entry
    await connection.execute(
        insert(revenue_close).values(
            key=entry.key,
            legal_entity=entry.legal_entity,
            period=entry.period,
            number=sealed.number,
            post_on=entry.on,
            body=entry.model_dump(mode="json"),
        )
    )
    await trail.note(
        connection,
        f"revenue/{entry.legal_entity}/{entry.period}",
        "revenue.sealed",
        legal_entity=entry.legal_entity,
        key=entry.key,
        lines=str(len(entry.lines)),
        held_back=str(held_back),
    )


async def _keep_posted(connection: AsyncConnection, posted: PostedEntry) -> None:
    """What was read last stands."""
    statement = upsert(revenue_posting).values(
        key=posted.key,
        number=posted.number,
        body=posted.model_dump(mode="json"),
        **references.columns("reference", posted.reference),
    )
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["key"], set_={"body": statement.excluded.body}
        )
    )


def _require_posted(known: SealedEntry, posted: PostedEntry) -> None:
    if not posted.posted or not posted.number:
        raise RuleViolation(
            f"journal entry {posted.key} has no number in {posted.reference.system} yet; post it "
            "first"
        )
    if known.is_posted and (known.posted_as, known.reference) != (posted.number, posted.reference):
        raise RuleViolation(
            f"journal entry {posted.key} was posted as {known.posted_as}, and now the ERP says "
            f"{posted.number}; find out which one is ours"
        )
