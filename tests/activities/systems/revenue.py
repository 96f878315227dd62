"""The store's side of a revenue close in memory: books that contracts add to, seals, postings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from canonical.errors import DomainError
from canonical.ids import ContractId, ExternalRef, InvoiceId
from canonical.journal_entry import JournalEntry, PostedEntry
from canonical.ledger.accounts import Account
from canonical.ledger.journal import Journal, JournalLine
from canonical.ledger.transfer import ErpBooking, Transfer
from canonical.periods import Period, last_day
from canonical.records import Posting
from canonical.revenue import PeriodBooks, SealedEntry, Sealing
from canonical.transitions import PostingState

PERIOD = "2026-10"


def earned(entity: str, contract: str, amount: str, number: int, *, document: str = "") -> Journal:
    """Revenue that is not billed yet."""
    sides = ((Account.CONTRACT_ASSET, Decimal(amount)), (Account.SERVICE_REVENUE, -Decimal(amount)))
    return Journal(
        number=number,
        on=last_day(PERIOD),
        period=PERIOD,
        entity=entity,
        currency="EUR",
        document_currency="EUR",
        event=f"revenue of {contract}",
        lines=tuple(JournalLine(account, value, value, contract) for account, value in sides),
        document=document,
    )


@dataclass
class FakeBooks:
    """Closing a contract posts what `owed` says, once; what `refuses` says is refused so often."""

    entity: str
    owed: dict[str, str] = field(default_factory=dict)
    """Amounts by contract."""
    refuses: dict[str, list[DomainError]] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)
    """Contracts in the order in which they were closed, refused ones left out."""
    journals: list[Journal] = field(default_factory=list)

    async def post_invoice(self, invoice: InvoiceId) -> None:
        """Invoices are no part of this."""

    async def book_payments(self, invoice: InvoiceId, now: datetime) -> None:
        """Nor are payments."""

    async def contracts_to_close(
        self, legal_entity: str, period: Period, after: str, limit: int
    ) -> Sequence[ContractId]:
        later = sorted(each for each in {*self.owed, *self.refuses} if each > after)
        return [ContractId(each) for each in later[:limit]]

    async def close_revenue(self, contract: ContractId, period: Period, now: datetime) -> bool:
        if self.refuses.get(contract):
            raise self.refuses[contract].pop(0)
        self.closed.append(contract)
        amount = self.owed.get(contract, "0.00")
        self.owed[contract] = "0.00"
        if Decimal(amount):
            self.journals.append(earned(self.entity, contract, amount, len(self.journals) + 1))
        return bool(Decimal(amount))


@dataclass
class FakeRevenueRecords:
    """Seals are kept as they are made; each posting is a row that is advanced and bound once."""

    books: FakeBooks
    bookings: list[ErpBooking] = field(default_factory=list)
    sealed: list[SealedEntry] = field(default_factory=list)
    postings: dict[str, Posting] = field(default_factory=dict)
    locked: bool = False
    after_binding: list[DomainError] = field(default_factory=list)
    """Errors of callers that are lost when their binding is committed already."""

    async def is_locked(self, legal_entity: str, period: Period) -> bool:
        return self.locked

    async def seal_entry(
        self, legal_entity: str, period: Period, make: Callable[[PeriodBooks], Transfer]
    ) -> Sealing:
        waiting = await self.unposted_entry(legal_entity, period)
        if waiting is not None:
            return Sealing(waiting)
        sent = [_as_booked(each) for each in self.sealed]
        found = make(PeriodBooks(self.books.journals, self.bookings, sent))
        if found.entry is None:
            return Sealing(None, found.differences)
        self.sealed.append(SealedEntry(entry=found.entry, number=len(self.sealed) + 1))
        return Sealing(self.sealed[-1], found.differences)

    async def unposted_entry(self, legal_entity: str, period: Period) -> SealedEntry | None:
        return next((each for each in self.sealed if not each.is_posted), None)

    async def sealed_entry(self, key: str) -> SealedEntry:
        (found,) = [each for each in self.sealed if each.entry.key == key]
        return found

    async def sealed_entries(self, legal_entity: str, period: Period) -> Sequence[SealedEntry]:
        return list(self.sealed)

    async def record_entry(self, posted: PostedEntry) -> None:
        kept = await self.sealed_entry(posted.key)
        known = {
            "reference": posted.reference,
            "posted_as": posted.number,
            "posted_on": posted.on,
            "posted_lines": posted.lines,
        }
        self.sealed[kept.number - 1] = kept.model_copy(update=known)
        self._keep(posted.key, state=PostingState.CONFIRMED)

    async def open_posting(self, key: str, system: str) -> Posting:
        return self.postings.setdefault(key, Posting(key=key, state=PostingState.PREPARED))

    async def advance_posting(self, key: str, before: PostingState, after: PostingState) -> bool:
        if self.postings[key].state is not before:
            return False
        self._keep(key, state=after)
        return True

    async def bind_posting(self, key: str, reference: ExternalRef) -> ExternalRef:
        bound = self.postings[key].reference
        if bound is None:
            self._keep(key, state=PostingState.ADOPTED, reference=reference)
        if self.after_binding:
            raise self.after_binding.pop(0)
        return bound or reference

    def _keep(self, key: str, **changes: object) -> None:
        self.postings[key] = self.postings[key].model_copy(update=changes)


def _as_booked(sealed: SealedEntry) -> JournalEntry:
    lines = sealed.posted_lines or sealed.entry.lines
    return sealed.entry.model_copy(update={"lines": lines})


@dataclass
class FakeLanes:
    """Leases in memory."""

    held: dict[str, str] = field(default_factory=dict)

    async def acquire(self, lane: str, holder: str, *, slots: int, ttl_s: float) -> int | None:
        return 1 if self.held.setdefault(lane, holder) == holder else None

    async def release(self, lane: str, holder: str) -> None:
        if self.held.get(lane) == holder:
            del self.held[lane]
