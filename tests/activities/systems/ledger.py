"""The journal of an ERP in memory, which lies as its script says."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from canonical.errors import DataRejected, OutcomeUnknown, SystemUnavailable
from canonical.ids import ExternalRef
from canonical.journal_entry import DraftEntry, JournalEntry, JournalEntryLine, PostedEntry
from tests.activities.systems.lies import Lie
from tests.builders import ERP


@dataclass
class BookedEntry:
    """One journal entry in the ERP: a draft until it has a number."""

    reference: ExternalRef
    entry: JournalEntry
    number: str = ""


@dataclass
class LyingLedger:
    """`entry_lies` are used up by creates, in order; afterwards it is honest."""

    closed_until: date = date.min
    """Posting on this day or before it is refused."""
    entry_lies: deque[Lie] = field(default_factory=deque)
    entries: list[BookedEntry] = field(default_factory=list)
    late_entries: list[BookedEntry] = field(default_factory=list)
    entry_creates: int = 0
    lose_answer_of_entry_post: bool = False
    books_elsewhere: dict[str, str] = field(default_factory=dict)
    """Accounts that this ERP replaces by others when it posts."""

    async def find_entries(self, legal_entity: str, key: str) -> Sequence[DraftEntry]:
        await asyncio.sleep(0)
        found = [_draft(each) for each in self.entries if each.entry.key == key]
        self.entries = sorted(
            [*self.entries, *self.late_entries], key=lambda each: int(each.reference.id)
        )
        self.late_entries = []
        return found

    async def create_entry(self, entry: JournalEntry) -> DraftEntry:
        lie = self.entry_lies.popleft() if self.entry_lies else Lie.NONE
        if lie is Lie.NO_CONNECTION:
            raise SystemUnavailable(ERP, "no connection")
        self._refuse_if_closed(entry.on)
        await asyncio.sleep(0)
        booked = self._new_entry(entry)
        if lie is Lie.LATE_COMMIT:
            self.late_entries.append(booked)
        elif lie is not Lie.LOST_BEFORE_COMMIT:
            self.entries.append(booked)
        if lie is Lie.TWICE:
            self.entries.append(self._new_entry(entry))
        if lie not in (Lie.NONE, Lie.TWICE):
            raise OutcomeUnknown(ERP, f"the answer to create {entry.key} was lost")
        return _draft(booked)

    async def post_entry(self, draft: DraftEntry) -> PostedEntry:
        booked = self.entry(draft.reference)
        if not booked.number:
            self._refuse_if_closed(booked.entry.on)
            booked.number = f"MOV/{booked.reference.id.zfill(4)}"
        if self.lose_answer_of_entry_post:
            self.lose_answer_of_entry_post = False
            raise OutcomeUnknown(ERP, f"the answer to post {draft.key} was lost")
        return self._posted_entry(booked)

    async def delete_entry(self, draft: DraftEntry) -> None:
        if any(each.number for each in self.entries if each.reference == draft.reference):
            raise DataRejected(ERP, f"{draft.reference} is posted")
        self.entries = [each for each in self.entries if each.reference != draft.reference]

    async def first_open_day(self, legal_entity: str, day: date) -> date:
        return day if day > self.closed_until else self.closed_until + timedelta(days=1)

    # -- what a test looks at --------------------------------------------------------------------

    def entry(self, reference: ExternalRef) -> BookedEntry:
        (found,) = [each for each in self.entries if each.reference == reference]
        return found

    def posted_entries(self) -> list[JournalEntry]:
        return [each.entry for each in self.entries if each.number]

    def _refuse_if_closed(self, day: date) -> None:
        if day <= self.closed_until:
            raise DataRejected(ERP, f"the period of {day} is closed")

    def _new_entry(self, entry: JournalEntry) -> BookedEntry:
        self.entry_creates += 1
        reference = ExternalRef(system=ERP, kind="entry", id=str(self.entry_creates))
        return BookedEntry(reference=reference, entry=entry)

    def _posted_entry(self, booked: BookedEntry) -> PostedEntry:
        return PostedEntry(
            reference=booked.reference,
            key=booked.entry.key,
            number=booked.number,
            posted=True,
            on=booked.entry.on,
            lines=tuple(self._as_booked(line) for line in booked.entry.lines),
        )

    def _as_booked(self, line: JournalEntryLine) -> JournalEntryLine:
        account = self.books_elsewhere.get(line.account, line.account)
        return line.model_copy(update={"account": account})


def _draft(booked: BookedEntry) -> DraftEntry:
    return DraftEntry(reference=booked.reference, key=booked.entry.key)
