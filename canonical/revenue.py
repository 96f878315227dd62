"""Closing the revenue of a period: what is sealed, what was posted, and what the store keeps of
it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple, Protocol

from canonical.base import Noun
from canonical.ids import ExternalRef
from canonical.journal_entry import JournalEntry, JournalEntryLine, PostedEntry
from canonical.ledger.journal import Journal
from canonical.ledger.transfer import Difference, ErpBooking, Transfer
from canonical.periods import Period
from canonical.records import Posting
from canonical.transitions import PostingState

ZERO = Decimal(0)


class PeriodBooks(NamedTuple):
    """All that the store knows of one entity and period."""

    journals: Iterable[Journal]
    """Of every owner; numbered so that no two share a number."""
    bookings: Sequence[ErpBooking]
    """What the ERP booked for invoices and credit notes that it posted in the period."""
    sent: Sequence[JournalEntry]
    """Earlier entries: as the ERP booked them, once that is known, else as they were sealed."""


class SealedEntry(Noun):
    """An entry of which it is decided, for ever, what it says; and whether the ERP has it."""

    entry: JournalEntry
    number: int
    """Of the period's entries, from 1."""
    reference: ExternalRef | None = None
    posted_as: str = ""
    """The ERP's number; empty until it is posted."""
    posted_on: date | None = None
    posted_lines: tuple[JournalEntryLine, ...] = ()
    """As the ERP booked them."""

    @property
    def is_posted(self) -> bool:
        return bool(self.posted_as)


class Sealing(NamedTuple):
    """What sealing did."""

    sealed: SealedEntry | None
    """None when nothing is left to send."""
    differences: tuple[Difference, ...] = ()
    """What is held back; empty when an entry was sealed before, and is not posted yet."""


class RevenueRecords(Protocol):
    """Entries of revenue, from the seal to the ERP's number."""

    async def is_locked(self, legal_entity: str, period: Period) -> bool:
        """Whether our own ledger takes no more journals in the period."""
        ...

    async def seal_entry(
        self, legal_entity: str, period: Period, make: Callable[[PeriodBooks], Transfer]
    ) -> Sealing:
        """Decide once what is sent next. While an entry of the period is not posted, that one is
        returned, whatever `make` would say now. One caller at a time per legal entity."""
        ...

    async def unposted_entry(self, legal_entity: str, period: Period) -> SealedEntry | None:
        """The entry of a period that is sealed and not posted; there is at most one."""
        ...

    async def sealed_entry(self, key: str) -> SealedEntry:
        """Raises RecordMissing."""
        ...

    async def sealed_entries(self, legal_entity: str, period: Period) -> Sequence[SealedEntry]:
        """In order of their numbers."""
        ...

    async def record_entry(self, posted: PostedEntry) -> None:
        """Keep what the ERP posted, as it says it, and confirm the posting; repeated with the same
        answer, nothing. Raises RuleViolation for an entry that is not posted, or under another
        number than before."""
        ...

    async def open_posting(self, key: str, system: str) -> Posting: ...

    async def advance_posting(
        self, key: str, before: PostingState, after: PostingState
    ) -> bool: ...

    async def bind_posting(self, key: str, reference: ExternalRef) -> ExternalRef: ...


def entry_differences(sealed: JournalEntry, posted: PostedEntry) -> tuple[str, ...]:
    """In words: where what the ERP booked is not what was sealed, by account."""
    found: list[str] = []
    if posted.on != sealed.on:
        found.append(f"{sealed.key} was sealed for {sealed.on} and posted on {posted.on}")
    ours, theirs = _by_account(sealed.lines), _by_account(posted.lines)
    for account in sorted({*ours, *theirs}):
        here, there = ours.get(account, ZERO), theirs.get(account, ZERO)
        if here != there:
            found.append(
                f"{sealed.key}, account {account}: sealed {here} {sealed.currency}, "
                f"the ERP booked {there}"
            )
    return tuple(found)


def _by_account(lines: Iterable[JournalEntryLine]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for line in lines:
        sums[line.account] = sums.get(line.account, ZERO) + line.amount.amount
    return sums
