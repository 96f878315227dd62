"""The ledger: one decision after the other, told to the engine and kept, all or nothing.

Before a decision the books are told up to where they stand, from rows that never change, and must
come out as they did when they were kept; a rule or a tax that was changed for the past is refused
here, and posts nothing.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.contract import ContractVersion
from canonical.engine.books import Books
from canonical.engine.invariants import check_rows
from canonical.engine.retelling import Chapter, Telling
from canonical.engine.story import Event
from canonical.errors import DomainError, LedgerDrift
from canonical.ids import ContractId
from canonical.landscape import Landscape
from canonical.ledger.entity import EntityTerms, entity_terms
from canonical.periods import last_day
from store.books.facts import pending_facts
from store.books.groups import Group, lock_group, read_group, share_books
from store.books.hearing import NOTHING_SAID, hear_submitted, hear_work, names_said
from store.books.keeping import Made, Mark, Place, contract_of, keep_journals, keep_schedule
from store.books.loading import chapters_of
from store.books.proof import digest, prove, states_of
from store.books.shelf import Shelf, Told
from store.tables import book_chapter, book_fact, book_state, exchange_rate, period_lock


class Decision(NamedTuple):
    """What is to be told of a contract."""

    contract: ContractId
    key: str
    """Names it for ever: told again under the same key, nothing happens."""
    on: datetime
    """Its moment; with a zone."""
    event: Event | None
    """None: only what was heard."""
    hears_work: bool = False
    """Whether entries are heard: a posting or a payment must not fail for an entry that nobody can
    price."""


class Page(NamedTuple):
    """A chapter that was told and not yet kept."""

    chapter: int
    told_on: datetime
    group: Group
    told: Told
    made: Made

    @property
    def books(self) -> Books:
        return self.told.telling.books


class Ledger:
    """The books of all contracts of a landscape."""

    def __init__(self, landscape: Landscape, shelf: Shelf | None = None) -> None:
        self._shelf = shelf or Shelf()
        self._entities = {each.code: each for each in landscape.entities}
        self._terms = [entity_terms(each) for each in landscape.entities]

    def local(self, moment: datetime, version: ContractVersion) -> datetime:
        """A moment in the books' own time: the zone of the contract's legal entity."""
        zone = ZoneInfo(self._entities[version.legal_entity].time_zone)
        return moment.astimezone(zone).replace(tzinfo=None)

    def zone(self, legal_entity: str) -> ZoneInfo:
        return ZoneInfo(self._entities[legal_entity].time_zone)

    async def tell(self, connection: AsyncConnection, decision: Decision) -> Page | None:
        """Tell the next chapter and keep its journals; None when it was told before.

        The caller keeps what else it made, in the same transaction, and calls `shelve` when that is
        committed. Raises RuleViolation for what no rule allows, LedgerDrift when the past does not
        come out as it was kept.
        """
        group = await lock_group(connection, decision.contract)
        if await _is_told(connection, decision.key):
            return None
        told = await self._told_so_far(connection, group)
        said = await names_said(connection, group.own) if decision.hears_work else NOTHING_SAID
        await share_books(connection, said.entities | _performers(told.telling.books))
        number = await self._open_chapter(connection, group, decision)
        if decision.hears_work:
            entity = self._entities[group.newest.legal_entity]
            roles = {role: entity.role_named(role) or role for role in said.roles}
            await hear_work(connection, number, group.own, roles)
            await _hear_submitted(connection, number, group.own, roles, decision.event)
        await _keep_facts(connection, number, group)
        (chapter,) = await self._chapters(connection, group, after=told.chapter)
        mark = Mark.of(told.telling.books)
        await asyncio.to_thread(_tell, told.telling, chapter)
        made = Made.since(mark, told.telling.books)
        await self._keep(connection, number, group, told, made)
        return Page(number, chapter.on, group, told, made)

    def shelve(self, page: Page | None) -> None:
        """After the commit: the next chapter may go on from here."""
        if page is not None:
            self._shelf.put(page.group.contracts, page.told)

    async def read(self, connection: AsyncConnection, contract: ContractId) -> tuple[Group, Told]:
        """The books of a contract as they stand, told anew from the rows; nothing is locked."""
        group = await read_group(connection, contract)
        return group, await self._tell_past(connection, group)

    async def as_of(
        self, connection: AsyncConnection, contract: ContractId, day: date
    ) -> tuple[Group, Told]:
        """The books as they stood at the end of a day: chapters told later are left out, and so is
        what a contract was told after such a one, since that may build on it."""
        group = await read_group(connection, contract)
        telling, told = self._begin(group), await self._chapters(connection, group, after=0)
        chapters = _told_by(told, day)
        for chapter in chapters:
            await _retell(telling, chapter)
        last = chapters[-1].number if chapters else 0
        return group, Told(telling, last, self._fingerprint(group))

    # -- the past

    async def _told_so_far(self, connection: AsyncConnection, group: Group) -> Told:
        last = await connection.scalar(
            select(func.max(book_chapter.c.id)).where(
                book_chapter.c.contract_id.in_(group.contracts)
            )
        )
        known = self._shelf.take(group.contracts, last or 0, self._fingerprint(group))
        return known or await self._tell_past(connection, group)

    async def _tell_past(self, connection: AsyncConnection, group: Group) -> Told:
        told = Told(self._begin(group), 0, self._fingerprint(group))
        for chapter in await self._chapters(connection, group, after=0):
            before = len(told.telling.books.journals)
            await _retell(told.telling, chapter)
            told.places += _places(told.telling.books, before, chapter.number, chapter.contract)
            told.chapter = chapter.number
        await prove(connection, group, told.telling.books)
        return told

    def _begin(self, group: Group) -> Telling:
        return Telling.begin(self._terms, group.versions)

    async def _chapters(
        self, connection: AsyncConnection, group: Group, after: int
    ) -> list[Chapter]:
        zone = self._entities[group.newest.legal_entity].time_zone
        return await chapters_of(connection, group.contracts, zone, after)

    def _fingerprint(self, group: Group) -> str:
        return digest([repr(self._terms), *(repr(version) for version in group.versions)])

    # -- the next chapter

    async def _open_chapter(
        self, connection: AsyncConnection, group: Group, decision: Decision
    ) -> int:
        event = decision.event
        inserted = await connection.execute(
            insert(book_chapter)
            .values(
                contract_id=decision.contract,
                kind=event.kind if event is not None else "look",
                key=decision.key,
                told_on=self.local(decision.on, group.newest),
                decision=None
                if event is None
                else event.model_dump(mode="json", exclude_defaults=True),
                locked=await _locked(connection, self._terms),
                rates_through=await connection.scalar(select(func.max(exchange_rate.c.id))) or 0,
            )
            .returning(book_chapter.c.id)
        )
        return int(inserted.scalar_one())

    async def _keep(
        self, connection: AsyncConnection, number: int, group: Group, told: Told, made: Made
    ) -> None:
        books = told.telling.books
        before = len(books.journals) - len(made.journals)
        places = _places(books, before, number, group.contract)
        await keep_journals(connection, made.journals, places, told.places)
        await keep_schedule(connection, number, made.schedule)
        told.places += places
        told.chapter = number
        states = [
            {
                "contract_id": contract,
                "chapter_id": number,
                "digest": digest,
                "journals": journals,
                "transactions": transactions,
            }
            for contract, (digest, journals, transactions) in states_of(books).items()
        ]
        statement = upsert(book_state)
        changed = {name: statement.excluded[name] for name in states[0] if name != "contract_id"}
        await connection.execute(
            statement.on_conflict_do_update(index_elements=["contract_id"], set_=changed), states
        )


async def _retell(telling: Telling, chapter: Chapter) -> None:
    """What was told once is told again. Raises LedgerDrift when a rule refuses it now."""
    try:
        await asyncio.to_thread(telling.tell, chapter)
    except DomainError as refused:
        difference = f"chapter {chapter.number} is refused now: {refused}"
        raise LedgerDrift(chapter.contract, difference) from refused


def _performers(books: Books) -> set[str]:
    """Legal entities other than the contracts' own that did work: their books are posted in too."""
    return {work.entity for book in books.contracts.values() for work in book.works.values()} - {""}


def _tell(telling: Telling, chapter: Chapter) -> None:
    telling.tell(chapter)
    check_rows(telling.books)


def _places(books: Books, before: int, chapter: int, usual: str) -> list[Place]:
    """Where the journals from `before` on are kept: numbered per chapter and contract."""
    counts: dict[str, int] = defaultdict(int)
    places = []
    for journal in books.journals[before:]:
        contract = contract_of(journal, usual)
        counts[contract] += 1
        places.append(Place(chapter, contract, counts[contract]))
    return places


def _told_by(chapters: Sequence[Chapter], day: date) -> list[Chapter]:
    latest: dict[str, date] = {}
    kept = []
    for chapter in chapters:
        on = max(chapter.on.date(), latest.get(chapter.contract, date.min))
        latest[chapter.contract] = on
        if on <= day:
            kept.append(chapter)
    return kept


async def _is_told(connection: AsyncConnection, key: str) -> bool:
    found = await connection.scalar(select(book_chapter.c.id).where(book_chapter.c.key == key))
    return found is not None


async def _hear_submitted(
    connection: AsyncConnection,
    chapter: int,
    versions: Sequence[ContractVersion],
    roles: Mapping[str, str],
    event: Event | None,
) -> None:
    """At a revenue close, by the contract's policy."""
    if event is None or event.revenue_close is None:
        return
    through = last_day(event.revenue_close.period)
    if any(version.accrue_unapproved for version in versions):
        await hear_submitted(connection, chapter, versions, roles, through)


async def _keep_facts(connection: AsyncConnection, chapter: int, group: Group) -> None:
    facts = await pending_facts(connection, group.own)
    if facts:
        await connection.execute(
            insert(book_fact),
            [
                {
                    "chapter_id": chapter,
                    "number": number,
                    "key": fact.key,
                    "body": fact.event.model_dump(mode="json", exclude_defaults=True),
                }
                for number, fact in enumerate(facts, start=1)
            ],
        )


async def _locked(
    connection: AsyncConnection, entities: Sequence[EntityTerms]
) -> Mapping[str, str]:
    """The last closed period of each legal entity."""
    columns = period_lock.c
    found = await connection.execute(
        select(columns.legal_entity, func.max(columns.period))
        .where(columns.legal_entity.in_([each.code for each in entities]))
        .group_by(columns.legal_entity)
    )
    return {str(entity): str(period) for entity, period in found}
