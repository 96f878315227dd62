"""The journal entry of a period: sealed once, posted in the ERP once, compared with what it
booked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from temporalio import activity

from activities.posting import PostingDesk
from canonical.base import Noun
from canonical.case import Case
from canonical.errors import DataRejected, Role
from canonical.ids import ExternalRef, case_id
from canonical.journal_entry import DraftEntry, JournalEntry
from canonical.landscape import Landscape, LegalEntity, Owner
from canonical.ledger.transfer import Difference, Transfer, transfer
from canonical.money import Money, total
from canonical.periods import Period, last_day
from canonical.ports import Erp, Lanes
from canonical.records import CaseRecords
from canonical.revenue import PeriodBooks, RevenueRecords, SealedEntry, entry_differences

CASES_MAX = 50
"""Differences that become cases, of one seal; their number is told whole."""

DIFFERENCES_SHOWN_MAX = 10


class SealEntry(Noun):
    legal_entity: str
    period: Period


class Sealed(Noun):
    """The entry to be posted next; without a key, nothing is left to send."""

    key: str = ""
    on: date | None = None
    lines: int = 0
    debits: Money | None = None
    again: bool = False
    """It was sealed by an earlier close that did not post it; more may have come since."""
    differences: int = 0
    shown: tuple[str, ...] = ()
    """The first of what is held back, in words."""
    note: str = ""
    """Why nothing of revenue is sent, where the ERP recognises it."""


class PostEntry(Noun):
    key: str


class EntryPosted(Noun):
    """An entry in the ERP."""

    key: str
    number: str
    on: date
    debits: Money
    differences: tuple[str, ...] = ()
    """Where the ERP's lines are not what was sealed; a case says it too."""


class JournalActivities:
    """Runs on the ERP's task queue."""

    def __init__(
        self,
        system: str,
        erp: Erp,
        records: RevenueRecords,
        cases: CaseRecords,
        lanes: Lanes,
        landscape: Landscape,
    ) -> None:
        self._erp, self._records, self._cases = erp, records, cases
        self._desk = PostingDesk(system, records, lanes)
        self._landscape = landscape

    @activity.defn
    async def seal_entry(self, request: SealEntry) -> Sealed:
        """Decide what is sent next, and on which day: the last of the period while the ERP's ledger
        is open then, else the first open day after it. What is held back becomes cases."""
        waiting = await self._records.unposted_entry(request.legal_entity, request.period)
        if waiting is not None:
            return _sealed(waiting).model_copy(update={"again": True})
        entity = self._landscape.entity(request.legal_entity)
        on = await self._erp.first_open_day(entity.code, last_day(request.period))

        def make(books: PeriodBooks) -> Transfer:
            return transfer(
                entity, request.period, on, books.journals, books.bookings, sent=books.sent
            )

        sealing = await self._records.seal_entry(entity.code, request.period, make)
        for difference in sealing.differences[:CASES_MAX]:
            await self._cases.open_case(_held_back(request, difference))
        held_back = sealing.differences
        return _sealed(sealing.sealed).model_copy(
            update={
                "differences": len(held_back),
                "shown": tuple(each.words for each in held_back[:DIFFERENCES_SHOWN_MAX]),
                "note": _note(entity),
            }
        )

    @activity.defn
    async def draft_entry(self, request: PostEntry) -> DraftEntry:
        """Exactly one draft in the ERP is bound to the entry's key."""
        sealed = await self._records.sealed_entry(request.key)
        bound = await self._desk.draft(request.key, _EntryInErp(self._erp, sealed.entry))
        return DraftEntry(reference=bound, key=request.key)

    @activity.defn
    async def post_entry(self, request: PostEntry) -> EntryPosted:
        """Post the bound draft, keep what the ERP booked, and compare it with what was sealed; a
        difference is a case, open until both are equal."""
        entry = (await self._records.sealed_entry(request.key)).entry
        bound = await self._desk.drafted(request.key, "journal entry")
        async with self._desk.lane(f"post/{entry.legal_entity}"):
            posted = await self._erp.post_entry(DraftEntry(reference=bound, key=request.key))
        await self._records.record_entry(posted)
        differences = [*entry_differences(entry, posted), *await self._twins(entry, bound)]
        await self._tell(entry, differences)
        return EntryPosted(
            key=entry.key,
            number=posted.number,
            on=posted.on,
            debits=debits_of(entry),
            differences=tuple(differences[:DIFFERENCES_SHOWN_MAX]),
        )

    async def _twins(self, entry: JournalEntry, bound: ExternalRef) -> list[str]:
        """Remove drafts that a create which was answered too late left behind: with a draft in it,
        a period may not close. In words: those that cannot be removed, since they are posted."""
        posted: list[str] = []
        for twin in await self._erp.find_entries(entry.legal_entity, entry.key):
            if twin.reference != bound:
                try:
                    await self._erp.delete_entry(twin)
                except DataRejected:
                    posted.append(f"{entry.key} is posted a second time, as {twin.reference}")
        return posted

    async def _tell(self, entry: JournalEntry, differences: Sequence[str]) -> None:
        case = _differs(entry, differences)
        if differences:
            await self._cases.open_case(case)
        else:
            await self._cases.resolve_case(case.id, "the ERP has what was sealed")


class _EntryInErp:
    """The documents of one entry in the ERP."""

    def __init__(self, erp: Erp, entry: JournalEntry) -> None:
        self._erp, self._entry = erp, entry

    async def find(self) -> Sequence[DraftEntry]:
        return await self._erp.find_entries(self._entry.legal_entity, self._entry.key)

    async def create(self) -> DraftEntry:
        return await self._erp.create_entry(self._entry)

    async def delete(self, draft: DraftEntry) -> None:
        await self._erp.delete_entry(draft)


def debits_of(entry: JournalEntry) -> Money:
    """What an entry is about: the sum of one of its sides."""
    amounts = (line.amount for line in entry.lines)
    return total((each for each in amounts if each.amount > 0), entry.currency)


def _note(entity: LegalEntity) -> str:
    if entity.revenue_owner is Owner.ENGINE:
        return ""
    return f"the ERP recognises the revenue of {entity.code}: nothing of it is sent"


def _sealed(sealed: SealedEntry | None) -> Sealed:
    if sealed is None:
        return Sealed()
    entry = sealed.entry
    return Sealed(key=entry.key, on=entry.on, lines=len(entry.lines), debits=debits_of(entry))


def _process() -> str:
    return activity.info().workflow_id or activity.info().activity_id


def _held_back(request: SealEntry, difference: Difference) -> Case:
    return Case(
        id=case_id(_process(), "HeldBack", f"{difference.about}/{difference.account}"),
        process=_process(),
        cause="HeldBack",
        subject=difference.about,
        owner=Role.FINANCE,
        message=f"{difference.words}; only the ERP moves this account, so nothing of it is sent",
        next_step="Book it in the ERP, or correct it here; then close the period again.",
        legal_entity=request.legal_entity,
        amount=difference.ours - difference.erp,
    )


def _differs(entry: JournalEntry, differences: Sequence[str]) -> Case:
    return Case(
        id=case_id(_process(), "EntryDiffers", entry.key),
        process=_process(),
        cause="EntryDiffers",
        subject=f"journal entry {entry.key}",
        owner=Role.FINANCE,
        message="; ".join(differences)[:2_000],
        next_step="Find out why the ERP books otherwise. The next close of the period sends what "
        "is missing; `close` ends the wait.",
        legal_entity=entry.legal_entity,
    )
