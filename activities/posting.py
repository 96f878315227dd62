"""The posting protocol: draft, adopt, bind, post. A document exists once in the outside system,
whatever that answers.

A create is never repeated blindly: before each attempt the system is asked for documents with our
key; exactly one of them is bound to the key under a unique constraint; that one is posted, which is
a change of state and safe to repeat. Surplus drafts are litter, removed here and by `Reconcile`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from temporalio import activity

from canonical.base import Noun
from canonical.errors import OutcomeUnknown, RuleViolation, SystemBusy
from canonical.ids import ClientId, ExternalRef, InvoiceId
from canonical.invoice import DraftInvoice, Invoice, PostedInvoice
from canonical.landscape import Landscape
from canonical.ports import Erp, Lanes
from canonical.records import (
    BookRecords,
    EngagementRecords,
    InvoiceRecords,
    InvoiceStanding,
    Posting,
)
from canonical.taxation import check_against
from canonical.transitions import PostingState

SETTLE_S = 5.0
"""How long a create whose answer was lost may still be under way in the ERP before we look for
it."""

LANE_TTL_S = 120.0
LANE_TRIES, LANE_EVERY_S = 60, 0.5
ATTEMPTS_SUCCEEDED_MAX = 20
"""Of so many earlier attempts the leases are ended; only one can hold a lane."""


class Draft(Protocol):
    """A document in the outside system that carries our key."""

    @property
    def reference(self) -> ExternalRef: ...


D = TypeVar("D", bound=Draft)


class Documents(Protocol[D]):
    """The documents of one business key in an outside system."""

    async def find(self) -> Sequence[D]:
        """All that carry the key, oldest first."""
        ...

    async def create(self) -> D:
        """A harmless draft; not idempotent."""
        ...

    async def delete(self, draft: D) -> None:
        """Remove a surplus draft; one that is gone is fine."""
        ...


class PostingRecords(Protocol):
    """How far each write is proven, in the store."""

    async def open_posting(self, key: str, system: str) -> Posting:
        """The posting of a business key, prepared now if it is new."""
        ...

    async def advance_posting(self, key: str, before: PostingState, after: PostingState) -> bool:
        """Compare-and-set; False when another holder was faster."""
        ...

    async def bind_posting(self, key: str, reference: ExternalRef) -> ExternalRef:
        """Bind exactly one record to the key; returns the one that is bound."""
        ...


class PostingDesk:
    """The protocol over one system. Its methods run inside an activity."""

    def __init__(self, system: str, records: PostingRecords, lanes: Lanes) -> None:
        self._system, self._records, self._lanes = system, records, lanes

    async def draft(self, key: str, documents: Documents[D]) -> ExternalRef:
        """Exactly one document is bound to the key: the one that was bound before, one that is
        found, or a new draft."""
        posting = await self._records.open_posting(key, self._system)
        if posting.reference is not None:
            return posting.reference
        async with self.lane(f"draft/{key}"):
            return await self._adopt_or_create(posting, documents)

    async def drafted(self, key: str, what: str) -> ExternalRef:
        """The document that is bound to the key. Raises RuleViolation when none is."""
        posting = await self._records.open_posting(key, self._system)
        if posting.reference is None:
            raise RuleViolation(f"{what} {key} has no draft; draft it first")
        return posting.reference

    @asynccontextmanager
    async def lane(self, name: str) -> AsyncIterator[None]:
        """One holder at a time in this system. Raises SystemBusy when the lane stays taken.

        Temporal starts an attempt when the one before is over, by a crash maybe: then its lease,
        which would keep the lane until it expires, is ended here."""
        lane = f"{self._system}/{name}"
        info = activity.info()
        attempts = [
            f"{info.workflow_id}/{info.activity_id}/{number}"
            for number in range(max(1, info.attempt - ATTEMPTS_SUCCEEDED_MAX), info.attempt + 1)
        ]
        *earlier, holder = attempts
        for ended in earlier:
            await self._lanes.release(lane, ended)
        for _ in range(LANE_TRIES):
            if await self._lanes.acquire(lane, holder, slots=1, ttl_s=LANE_TTL_S) is not None:
                break
            await asyncio.sleep(LANE_EVERY_S)
        else:
            raise SystemBusy(self._system, f"lane {lane} is taken", retry_after_s=5)
        try:
            yield
        finally:
            await self._lanes.release(lane, holder)

    async def _adopt_or_create(self, posting: Posting, documents: Documents[D]) -> ExternalRef:
        if posting.state in (PostingState.SENT, PostingState.IN_DOUBT):
            await asyncio.sleep(SETTLE_S)
        found = list(await documents.find())
        if not found:
            found = [await self._create(posting, documents)]
        bound = await self._records.bind_posting(posting.key, found[0].reference)
        for draft in found:
            if draft.reference != bound:
                await documents.delete(draft)
        return bound

    async def _create(self, posting: Posting, documents: Documents[D]) -> D:
        if posting.state is not PostingState.PREPARED:
            await self._advance(posting.key, posting.state, PostingState.PREPARED)
        await self._advance(posting.key, PostingState.PREPARED, PostingState.SENT)
        try:
            return await documents.create()
        except OutcomeUnknown:
            await self._advance(posting.key, PostingState.SENT, PostingState.IN_DOUBT)
            raise

    async def _advance(self, key: str, before: PostingState, after: PostingState) -> None:
        if not await self._records.advance_posting(key, before, after):
            raise SystemBusy(self._system, f"another attempt is working on {key}", retry_after_s=2)


class IssueInvoice(Noun):
    invoice_id: InvoiceId


class _InvoiceInErp:
    """The documents of one invoice in the ERP."""

    def __init__(self, erp: Erp, invoice: Invoice, client: ExternalRef) -> None:
        self._erp, self._invoice, self._client = erp, invoice, client

    async def find(self) -> Sequence[DraftInvoice]:
        return await self._erp.find_invoices(self._invoice.legal_entity, self._invoice.key)

    async def create(self) -> DraftInvoice:
        return await self._erp.create_draft(self._invoice, self._client, key=self._invoice.key)

    async def delete(self, draft: DraftInvoice) -> None:
        await self._erp.delete_draft(draft)


class PostingActivities:
    """Invoices. Runs on the ERP's task queue."""

    def __init__(
        self,
        system: str,
        erp: Erp,
        invoices: InvoiceRecords,
        books: BookRecords,
        records: EngagementRecords,
        lanes: Lanes,
        landscape: Landscape,
        clock: Callable[[], datetime],
    ) -> None:
        self._system, self._erp = system, erp
        self._invoices, self._books, self._records = invoices, books, records
        self._desk = PostingDesk(system, invoices, lanes)
        self._landscape, self._clock = landscape, clock

    @activity.defn
    async def draft_invoice(self, request: IssueInvoice) -> DraftInvoice:
        """Exactly one draft in the ERP is bound to the invoice's key."""
        invoice = await self._invoices.invoice(request.invoice_id)
        client = await self._client_in_erp(invoice.bill_to)
        bound = await self._desk.draft(invoice.key, _InvoiceInErp(self._erp, invoice, client))
        return DraftInvoice(reference=bound, key=invoice.key)

    @activity.defn
    async def post_invoice(self, request: IssueInvoice) -> InvoiceStanding:
        """Post the bound draft on today's date in the entity's time zone, and then in our ledger on
        the date that the ERP gave it; the ERP numbers it.

        Raises RuleViolation when the ERP's totals differ from ours beyond convention 13.
        """
        invoice = await self._invoices.invoice(request.invoice_id)
        bound = await self._desk.drafted(invoice.key, "invoice")
        draft = DraftInvoice(reference=bound, key=invoice.key)
        zone = ZoneInfo(self._landscape.entity(invoice.legal_entity).time_zone)
        async with self._desk.lane(f"post/{invoice.legal_entity}"):
            today = self._clock().astimezone(zone).date()
            posted = await self._erp.post_invoice(draft, today)
        await self._invoices.record_posted(invoice.id, posted)
        _check_totals(invoice, posted)
        await self._books.post_invoice(invoice.id)
        return await self._invoices.standing(invoice.id)

    async def _client_in_erp(self, client: ClientId) -> ExternalRef:
        reference = await self._records.reference(client, self._system)
        if reference is None:
            raise RuleViolation(f"client {client} has no record in {self._system}; set it up first")
        return reference


def _check_totals(invoice: Invoice, posted: PostedInvoice) -> None:
    lines = len(invoice.lines)
    check_against(invoice.net, posted.net, 0, f"net of invoice {posted.number}")
    check_against(invoice.tax, posted.tax, lines, f"tax of invoice {posted.number}")
    check_against(invoice.gross, posted.gross, lines, f"gross of invoice {posted.number}")
