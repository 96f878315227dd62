"""Ports: what the product needs from others, by role. Adapters and the store implement them.

Every method of an outside system's port may raise the outcomes of `canonical.errors.SystemOutcome`.
`ensure_*` methods are upserts by our key: calling them again finds what is there, brings it up to
date, and takes it out of the archive.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Protocol

from canonical.client import Client
from canonical.deal import Deal, WonDeal
from canonical.ids import ExternalRef
from canonical.invoice import BackupRow, DraftInvoice, Invoice, PostedInvoice
from canonical.journal_entry import DraftEntry, JournalEntry, PostedEntry
from canonical.landscape import LegalEntity
from canonical.mail import Attachment, OutgoingMail
from canonical.payment import BillingStatus, PaymentPage
from canonical.project import ProjectPlan
from canonical.work import ChangePage, WorkItem


class Checkable(Protocol):
    """What `c2c landscape check` asks of every adapter."""

    async def check(self) -> str:
        """One line that proves the connection and the organisation; raises what is wrong."""
        ...


class Crm(Checkable, Protocol):
    """Deals and their accounts; it is told where billing stands."""

    async def read_deal(self, deal: ExternalRef) -> Deal:
        """The deal with account, parent and lines. Raises RecordMissing."""
        ...

    def deals_won_since(self, cursor: str) -> AsyncIterator[tuple[Sequence[WonDeal], str]]:
        """Pages of won deals changed since the cursor (empty: from the beginning), each with the
        next
        cursor; with overlap, so repeats are normal. This closes the gaps of lost notifications."""
        ...

    async def tell_status(self, deal: ExternalRef, status: BillingStatus) -> None:
        """Show where billing stands on the deal. An older version never overwrites a newer one."""
        ...


class Psa(Checkable, Protocol):
    """Clients, projects, teams and rate cards as delivery sees them."""

    async def ensure_client(self, client: Client, *, key: str) -> ExternalRef: ...

    async def ensure_project(
        self, plan: ProjectPlan, client: ExternalRef, *, key: str
    ) -> ExternalRef: ...

    async def ensure_team(self, plan: ProjectPlan, project: ExternalRef, *, key: str) -> None: ...

    async def archive_project(self, project: ExternalRef) -> None:
        """Hide the project from daily work; nothing is deleted, repeating is harmless."""
        ...

    async def tell_status(self, project: ExternalRef, status: BillingStatus) -> None: ...


class TimeSource(Checkable, Protocol):
    """Time and expenses of people, with their approvals."""

    def changes_since(self, cursor: str) -> AsyncIterator[ChangePage]:
        """Pages of the present state of items that changed since the cursor (empty: all there is).

        An event of the vendor is only a hint: subjects are re-read in batches. Items that lost
        their
        approval come back with `approved=False`.
        """
        ...

    def items_of(
        self, project: ExternalRef, first: date, last: date
    ) -> AsyncIterator[Sequence[WorkItem]]:
        """Pages of all items of a project with work dates from `first` to `last`, approved or
        not."""
        ...


class Erp(Checkable, Protocol):
    """Financial postings, tax, receivables, payments: the ERP owns them."""

    async def ensure_client(self, client: Client, *, key: str) -> ExternalRef: ...

    async def ensure_project(
        self, plan: ProjectPlan, client: ExternalRef, *, key: str
    ) -> ExternalRef: ...

    async def archive_project(self, project: ExternalRef) -> None: ...

    async def archive_client(self, client: ExternalRef) -> None: ...

    async def find_invoices(self, legal_entity: str, key: str) -> Sequence[DraftInvoice]:
        """All invoices that carry our key and are not cancelled, oldest first (drafts and
        posted)."""
        ...

    async def create_draft(
        self, invoice: Invoice, client: ExternalRef, *, key: str
    ) -> DraftInvoice:
        """A harmless draft that carries our key. Not idempotent: the posting protocol calls it."""
        ...

    async def post_invoice(self, draft: DraftInvoice, invoice_date: date) -> PostedInvoice:
        """Date and post the draft: a state change, safe to repeat; an already posted one is read
        back with the date that it has. Raises DataRejected, e.g. when the period is closed."""
        ...

    async def read_invoice(self, reference: ExternalRef) -> PostedInvoice: ...

    async def delete_draft(self, draft: DraftInvoice) -> None:
        """Remove a surplus draft; one that is gone is fine, a posted one raises DataRejected."""
        ...

    async def invoice_document(self, reference: ExternalRef) -> tuple[str, bytes]:
        """File name and bytes of the ERP's own rendering of a posted invoice."""
        ...

    def payments_since(self, legal_entity: str, cursor: str) -> AsyncIterator[PaymentPage]: ...

    def posted_invoices(
        self, legal_entity: str, first: date, last: date
    ) -> AsyncIterator[Sequence[PostedInvoice]]:
        """Pages of posted invoices dated from `first` to `last`, for reconciliation."""
        ...

    async def find_entries(self, legal_entity: str, key: str) -> Sequence[DraftEntry]:
        """All journal entries that carry our key, oldest first (drafts and posted)."""
        ...

    async def create_entry(self, entry: JournalEntry) -> DraftEntry:
        """A harmless draft of a journal entry that carries its key. Not idempotent: the posting
        protocol calls it. Raises SetupInvalid for an account that the ERP does not have."""
        ...

    async def post_entry(self, draft: DraftEntry) -> PostedEntry:
        """Post the draft: a state change, safe to repeat; one that is posted is read back. Raises
        DataRejected, e.g. when its period is closed."""
        ...

    async def delete_entry(self, draft: DraftEntry) -> None:
        """Remove a surplus draft; one that is gone is fine, a posted one raises DataRejected."""
        ...

    async def first_open_day(self, legal_entity: str, day: date) -> date:
        """The first day, from `day` on, that the ERP's ledger accepts postings on. Raises
        DataRejected when no period from `day` on is open."""
        ...

    async def find_client(self, legal_entity: str, code: str) -> ExternalRef | None: ...

    async def find_project(self, legal_entity: str, code: str) -> ExternalRef | None: ...


class Documents(Protocol):
    """Documents for people, rendered from what the store holds."""

    async def invoice_files(
        self,
        invoice: Invoice,
        client: Client,
        entity: LegalEntity,
        backup: AsyncIterator[Sequence[BackupRow]],
    ) -> tuple[Attachment, ...]:
        """The invoice (PDF) with purchase order, service period, taxes and legal texts, and its
        backup (one row per transaction). The same input gives the same bytes."""
        ...


class Mail(Checkable, Protocol):
    """Documents to people."""

    async def send(self, message: OutgoingMail, *, key: str) -> str:
        """Hand over to the mail server; returns the message id, which is derived from the key."""
        ...


class Lanes(Protocol):
    """Leases: who may do a thing now, across all processes."""

    async def acquire(self, lane: str, holder: str, *, slots: int, ttl_s: float) -> int | None:
        """A fencing number when one of the lane's slots is free (or already ours), else None."""
        ...

    async def release(self, lane: str, holder: str) -> None: ...
