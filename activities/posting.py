"""The posting protocol: draft, adopt, bind, post. An invoice exists once in the ERP, whatever it
answers.

A create is never repeated blindly: before each attempt the ERP is asked for documents with our key;
exactly one of them is bound to the key under a unique constraint; that one is posted, which is a
change of state and safe to repeat. Surplus drafts are litter, removed here and by `Reconcile`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

from temporalio import activity

from canonical.base import Noun
from canonical.errors import OutcomeUnknown, RuleViolation, SystemBusy
from canonical.ids import ClientId, ExternalRef, InvoiceId
from canonical.invoice import DraftInvoice, Invoice, PostedInvoice
from canonical.landscape import Landscape
from canonical.ports import Erp, Lanes
from canonical.records import EngagementRecords, InvoiceRecords, InvoiceStanding, Posting
from canonical.taxation import check_against
from canonical.transitions import PostingState

SETTLE_S = 5.0
"""How long a create whose answer was lost may still be under way in the ERP before we look for
it."""

LANE_TTL_S = 120.0
LANE_TRIES, LANE_EVERY_S = 60, 0.5
ATTEMPTS_SUCCEEDED_MAX = 20
"""Of so many earlier attempts the leases are ended; only one can hold a lane."""


class IssueInvoice(Noun):
    invoice_id: InvoiceId


class PostingActivities:
    """Runs on the ERP's task queue."""

    def __init__(
        self,
        system: str,
        erp: Erp,
        invoices: InvoiceRecords,
        records: EngagementRecords,
        lanes: Lanes,
        landscape: Landscape,
        clock: Callable[[], datetime],
    ) -> None:
        self._system, self._erp = system, erp
        self._invoices, self._records, self._lanes = invoices, records, lanes
        self._landscape, self._clock = landscape, clock

    @activity.defn
    async def draft_invoice(self, request: IssueInvoice) -> DraftInvoice:
        """Exactly one draft in the ERP is bound to the invoice's key."""
        invoice = await self._invoices.invoice(request.invoice_id)
        posting = await self._invoices.open_posting(invoice.key, self._system)
        if posting.reference is not None:
            return DraftInvoice(reference=posting.reference, key=invoice.key)
        client = await self._client_in_erp(invoice.bill_to)
        async with self._lane(f"{self._system}/draft/{invoice.key}"):
            return await self._adopt_or_create(invoice, client, posting)

    @activity.defn
    async def post_invoice(self, request: IssueInvoice) -> InvoiceStanding:
        """Post the bound draft on today's date in the entity's time zone; the ERP numbers it.

        Raises RuleViolation when the ERP's totals differ from ours beyond convention 13.
        """
        invoice = await self._invoices.invoice(request.invoice_id)
        posting = await self._invoices.open_posting(invoice.key, self._system)
        if posting.reference is None:
            raise RuleViolation(f"invoice {invoice.key} has no draft; draft it first")
        draft = DraftInvoice(reference=posting.reference, key=invoice.key)
        zone = ZoneInfo(self._landscape.entity(invoice.legal_entity).time_zone)
        async with self._lane(f"{self._system}/post/{invoice.legal_entity}"):
            today = self._clock().astimezone(zone).date()
            posted = await self._erp.post_invoice(draft, today)
        await self._invoices.record_posted(invoice.id, posted)
        _check_totals(invoice, posted)
        return await self._invoices.standing(invoice.id)

    async def _client_in_erp(self, client: ClientId) -> ExternalRef:
        reference = await self._records.reference(client, self._system)
        if reference is None:
            raise RuleViolation(f"client {client} has no record in {self._system}; set it up first")
        return reference

    async def _adopt_or_create(
        self, invoice: Invoice, client: ExternalRef, posting: Posting
    ) -> DraftInvoice:
        if posting.state in (PostingState.SENT, PostingState.IN_DOUBT):
            await asyncio.sleep(SETTLE_S)
        found = list(await self._erp.find_invoices(invoice.legal_entity, invoice.key))
        if not found:
            found = [await self._create(invoice, client, posting.state)]
        bound = await self._invoices.bind_posting(invoice.key, found[0].reference)
        await self._remove_surplus(found, bound)
        return DraftInvoice(reference=bound, key=invoice.key)

    async def _create(
        self, invoice: Invoice, client: ExternalRef, before: PostingState
    ) -> DraftInvoice:
        if before is not PostingState.PREPARED:
            await self._advance(invoice.key, before, PostingState.PREPARED)
        await self._advance(invoice.key, PostingState.PREPARED, PostingState.SENT)
        try:
            return await self._erp.create_draft(invoice, client, key=invoice.key)
        except OutcomeUnknown:
            await self._advance(invoice.key, PostingState.SENT, PostingState.IN_DOUBT)
            raise

    async def _advance(self, key: str, before: PostingState, after: PostingState) -> None:
        if not await self._invoices.advance_posting(key, before, after):
            raise SystemBusy(self._system, f"another attempt is working on {key}", retry_after_s=2)

    async def _remove_surplus(self, found: Sequence[DraftInvoice], bound: ExternalRef) -> None:
        for draft in found:
            if draft.reference != bound:
                await self._erp.delete_draft(draft)

    @asynccontextmanager
    async def _lane(self, lane: str) -> AsyncIterator[None]:
        """One holder at a time. Raises SystemBusy when the lane stays taken.

        Temporal starts an attempt when the one before is over, by a crash maybe: then its lease,
        which would keep the lane until it expires, is ended here."""
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


def _check_totals(invoice: Invoice, posted: PostedInvoice) -> None:
    lines = len(invoice.lines)
    check_against(invoice.net, posted.net, 0, f"net of invoice {posted.number}")
    check_against(invoice.tax, posted.tax, lines, f"tax of invoice {posted.number}")
    check_against(invoice.gross, posted.gross, lines, f"gross of invoice {posted.number}")
