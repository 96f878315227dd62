"""Records: the store as the activities see it, one port per stage of the story.

Each method is one database transaction: projection, audit and case rows are written in the
transaction of the change that causes them. Every method may be repeated with the same arguments.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from typing import Literal, Protocol

from pydantic import AwareDatetime

from canonical.agreement import Agreement
from canonical.base import Noun
from canonical.billing import BillingPreview, BillingRun
from canonical.case import Case
from canonical.client import Client
from canonical.contract import ContractVersion
from canonical.deal import Deal, DealAccount
from canonical.events import Event, News
from canonical.ids import CaseId, ClientId, ContractId, EngagementId, ExternalRef, InvoiceId
from canonical.invoice import BackupRow, Invoice, InvoiceState, PostedInvoice
from canonical.money import Money
from canonical.payment import BillingStage, BillingStatus, PaymentSeen
from canonical.periods import Period
from canonical.project import ProjectPlan
from canonical.transitions import EngagementStage, PostingState
from canonical.validation import KnownClient, ValidationReport
from canonical.work import SourceTotals, WorkItem


class EngagementRecord(Noun):
    """One engagement: the deal that opened it and where it stands."""

    id: EngagementId
    deal: ExternalRef
    stage: EngagementStage
    legal_entity: str = ""
    """Empty until the deal is validated."""
    project_code: str = ""
    client_name: str = ""


class EngagementRecords(Protocol):
    """Deals, agreements and set-up."""

    async def take_news(self, process: str, token: str) -> Sequence[News]:
        """The unapplied events of a process, oldest first, marked as applied under its row lock.

        The token names this taking: asking again with it returns the same events (and marks no
        others), so that a lost answer, a retry or a reset of the workflow loses nothing.
        """
        ...

    async def engagement(self, engagement: EngagementId) -> EngagementRecord: ...

    async def known_clients(self, account: DealAccount) -> tuple[KnownClient, ...]:
        """Clients that share VAT id, code or name with an account."""
        ...

    async def record_review(
        self,
        engagement: EngagementId,
        deal: Deal,
        report: ValidationReport,
        agreement: Agreement | None,
    ) -> None:
        """Keep the deal as read and its report. With an agreement: client, contract version 1,
        project, the client's link and the stage `setting_up`; without: a case for project
        operations.
        A contract version that exists is never changed."""
        ...

    async def plan(self, engagement: EngagementId) -> tuple[ProjectPlan, Client]: ...

    async def reference(self, noun_id: str, system: str) -> ExternalRef | None:
        """The record of one of our nouns in a system, if it is linked."""
        ...

    async def link(self, noun: str, noun_id: str, reference: ExternalRef) -> None:
        """Link a noun to an outside record (events that waited for it become deliverable).

        Raises RecordExists when the reference is linked to another noun.
        """
        ...

    async def set_stage(self, engagement: EngagementId, stage: EngagementStage) -> None: ...

    async def open_work(self, engagement: EngagementId) -> tuple[str, ...]:
        """What keeps an engagement from closing, in words: unfinished runs, unsettled invoices."""
        ...

    async def billing_status(
        self, engagement: EngagementId, invoice: InvoiceId | None, stage: BillingStage
    ) -> BillingStatus:
        """The status to tell CRM and PSA; each call has a greater version."""
        ...


class ItemsStored(Noun):
    """What a bulk upsert did."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    recalled: int = 0
    recalled_after_billing: int = 0


class WorkRecords(Protocol):
    """Time and expenses, and how far each source has been read."""

    async def cursor(self, system: str, feed: str) -> str:
        """Where a feed's reading stands; empty at the beginning."""
        ...

    async def store_items(
        self, items: Sequence[WorkItem], *, feed: tuple[str, str, str] | None = None
    ) -> ItemsStored:
        """Upsert in bulk; an older version never overwrites a newer one. `feed` is (system, feed,
        new cursor), written in the same transaction. A recall of a billed item is stored as
        `recall_pending` with a credit proposal; it never lowers what is approved at once."""
        ...

    async def totals(
        self,
        project: ExternalRef,
        kind: Literal["time", "expense"],
        first: date,
        last: date,
        cutoff: datetime,
    ) -> SourceTotals:
        """Our count and sums of approved items (billable or not) of a source's project, with work
        dates from `first` to `last` and approved at or before `cutoff`."""
        ...

    async def declared_totals(
        self, project: ExternalRef, kind: Literal["time", "expense"], cutoff: datetime
    ) -> SourceTotals | None:
        """What a pushing source declared complete up to (at least) the cut-off, if it did."""
        ...

    async def note_poll(self, system: str, feed: str, cursor: str) -> None:
        """Move a feed's cursor when a page had no items."""
        ...


class RunSummary(Noun):
    """What a billing run made."""

    run: BillingRun
    transactions: int
    held: int
    net: Money | None
    invoices: tuple[InvoiceId, ...]


class BillingRecords(Protocol):
    """Billing runs: what is approved and due becomes transactions, journals and draft invoices."""

    async def contract_versions(self, engagement: EngagementId) -> tuple[ContractVersion, ...]: ...

    async def bill(self, run: BillingRun, now: AwareDatetime) -> RunSummary:
        """Under the locks of the contract's books: hear what is new, run the engine, and store
        transactions, holds, drafts and journals, all or nothing. A run that was billed answers
        again and adds nothing. Raises RuleViolation (naming contract line, date, entry) for what
        no rule allows: nothing is then stored."""
        ...

    async def preview(
        self, engagement: EngagementId, period: Period, cutoff: AwareDatetime, now: AwareDatetime
    ) -> BillingPreview:
        """What the next run of a period would make now; nothing is stored."""
        ...


class BookRecords(Protocol):
    """The books of contracts after billing."""

    async def post_invoice(self, invoice: InvoiceId) -> None:
        """Post an invoice that the ERP posted in our ledger too, on its date there and with the tax
        of who owns it; repeated, nothing. Raises RuleViolation before the ERP posted it."""
        ...

    async def book_payments(self, invoice: InvoiceId, now: AwareDatetime) -> None:
        """Book what was received on the invoice's contract and is not in the ledger yet."""
        ...

    async def unbilled(self, engagement: EngagementId, now: AwareDatetime) -> tuple[str, ...]:
        """Approved entries that are neither billed nor covered (by a retainer, a fixed price), in
        words; empty when there are none."""
        ...


class RevenueBooks(Protocol):
    """The books of contracts at a revenue close."""

    async def contracts_to_close(
        self, legal_entity: str, period: Period, after: str, limit: int
    ) -> Sequence[ContractId]:
        """Contracts that the entity bills and that had begun by the period, by id, after `after`
        (empty: from the first)."""
        ...

    async def close_revenue(self, contract: ContractId, period: Period, now: AwareDatetime) -> bool:
        """Recognise what a contract earned by the end of a period, by use, progress and time, and
        what was approved since; True when anything was posted. Raises RuleViolation for a period
        that is locked."""
        ...


class Posting(Noun):
    """How far one write to an outside system is proven, by its business key."""

    key: str
    state: PostingState
    reference: ExternalRef | None = None
    attempts: int = 0


class InvoiceStanding(Noun):
    """An invoice as its workflow needs it; small."""

    id: InvoiceId
    key: str
    engagement_id: EngagementId
    legal_entity: str
    state: InvoiceState
    number: str
    gross: Money
    paid: Money
    due_date: date | None = None


class PaymentsStored(Noun):
    new: int = 0
    known: int = 0
    unknown_invoice: int = 0


class InvoiceRecords(Protocol):
    """Invoices from draft to paid."""

    async def invoice(self, invoice: InvoiceId) -> Invoice: ...

    async def client(self, client: ClientId) -> Client: ...

    async def standing(self, invoice: InvoiceId) -> InvoiceStanding: ...

    async def open_posting(self, key: str, system: str) -> Posting:
        """The posting of a business key, prepared now if it is new."""
        ...

    async def advance_posting(self, key: str, before: PostingState, after: PostingState) -> bool:
        """Compare-and-set; False when another holder was faster."""
        ...

    async def bind_posting(self, key: str, reference: ExternalRef) -> ExternalRef:
        """Bind exactly one vendor record to the key; returns the one that is bound (a first writer
        wins) and marks the posting adopted."""
        ...

    async def record_posted(self, invoice: InvoiceId, posted: PostedInvoice) -> None:
        """Number, dates, state; the posting confirmed; the link from the ERP's invoice to ours."""
        ...

    def backup_rows(self, invoice: InvoiceId) -> AsyncIterator[Sequence[BackupRow]]: ...

    async def record_delivery(
        self, invoice: InvoiceId, message_id: str, sent_at: datetime
    ) -> None: ...

    async def delivered_as(self, invoice: InvoiceId) -> str:
        """The message id under which it was delivered, or an empty text."""
        ...

    async def store_payments(
        self, payments: Sequence[PaymentSeen], *, feed: tuple[str, str, str]
    ) -> PaymentsStored:
        """Upsert payments and the invoices' paid amounts, record `payment.received` for new ones,
        and
        move the cursor, in one transaction."""
        ...


class CaseRecords(Protocol):
    """Exception cases and the trail of what people did."""

    async def open_case(self, case: Case) -> None:
        """Open, or count one more occurrence of an open case with the same id."""
        ...

    async def resolve_case(self, case: CaseId, resolution: str) -> bool:
        """Resolve one open case; False when it was not open."""
        ...

    async def audit(
        self, process: str, action: str, actor: str, detail: dict[str, str]
    ) -> None: ...


class LedgerInvoice(Noun):
    """An invoice of ours as reconciliation compares it."""

    id: InvoiceId
    key: str
    number: str
    reference: ExternalRef | None
    net: Money
    tax: Money
    gross: Money
    paid: Money
    state: InvoiceState


class LinkedProject(Noun):
    """A project of an active engagement with its client, and their records in the ERP."""

    code: str
    client_code: str
    project: ExternalRef | None
    client: ExternalRef | None


class ReconcileRecords(Protocol):
    """What reconciliation compares with the ERP."""

    async def entity_projects(self, legal_entity: str) -> Sequence[LinkedProject]:
        """The projects of active engagements."""
        ...

    async def invoices_dated(self, legal_entity: str, day: date) -> Sequence[LedgerInvoice]: ...


class EventRecorded(Noun):
    """What recording an event did."""

    new: bool
    recipients: tuple[str, ...]
    """Workflow ids that have news."""
    waiting: bool = False
    """Nobody is known yet for its subject; it is delivered when the link appears."""


class EventRecords(Protocol):
    """Business events and who they are for."""

    async def record_event(self, event: Event, received_at: AwareDatetime) -> EventRecorded:
        """Store once by (source, id), with its items, and deliver to whom its subject belongs."""
        ...
