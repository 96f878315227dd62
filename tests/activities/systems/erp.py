"""An ERP in memory that lies as its script says: answers lost, late commits, two for one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from canonical.client import Client
from canonical.errors import DataRejected, OutcomeUnknown, SystemUnavailable
from canonical.ids import ExternalRef
from canonical.invoice import DraftInvoice, Invoice, PostedInvoice
from canonical.money import Money
from canonical.payment import PaymentPage
from canonical.project import ProjectPlan
from tests.activities.systems.ledger import LyingLedger
from tests.activities.systems.lies import Lie
from tests.builders import ERP

__all__ = ["Document", "Lie", "LyingErp"]


@dataclass
class Document:
    """One invoice in the ERP: a draft, or posted under a number."""

    reference: ExternalRef
    invoice: Invoice
    posted: PostedInvoice | None = None


@dataclass
class LyingErp(LyingLedger):
    """`lies` are used up by creates, in order; afterwards it is honest."""

    lies: deque[Lie] = field(default_factory=deque)
    documents: list[Document] = field(default_factory=list)
    late: list[Document] = field(default_factory=list)
    clients: dict[str, ExternalRef] = field(default_factory=dict)
    projects: dict[str, ExternalRef] = field(default_factory=dict)
    archived: set[ExternalRef] = field(default_factory=set)
    payments: dict[str, list[PaymentPage]] = field(default_factory=dict)
    asked_from: list[tuple[str, str]] = field(default_factory=list)
    creates: int = 0
    lose_answer_of_post: bool = False
    extra_tax: Money | None = None
    """What this ERP adds to the tax when it posts."""

    async def check(self) -> str:
        return "the books of a lying ERP"

    # -- set-up ----------------------------------------------------------------------------------

    async def ensure_client(self, client: Client, *, key: str) -> ExternalRef:
        return self.clients.setdefault(key, self._reference("party", f"p-{key}"))

    async def ensure_project(
        self, plan: ProjectPlan, client: ExternalRef, *, key: str
    ) -> ExternalRef:
        reference = self.projects.setdefault(key, self._reference("project", f"w-{key}"))
        self.archived.discard(reference)
        return reference

    async def archive_project(self, project: ExternalRef) -> None:
        self.archived.add(project)

    async def archive_client(self, client: ExternalRef) -> None:
        self.archived.add(client)

    async def find_client(self, legal_entity: str, code: str) -> ExternalRef | None:
        return self.clients.get(code)

    async def find_project(self, legal_entity: str, code: str) -> ExternalRef | None:
        return self.projects.get(code)

    # -- invoices --------------------------------------------------------------------------------

    async def find_invoices(self, legal_entity: str, key: str) -> Sequence[DraftInvoice]:
        await asyncio.sleep(0)
        found = [_draft(each) for each in self.documents if each.invoice.key == key]
        self.documents = sorted(
            [*self.documents, *self.late], key=lambda each: int(each.reference.id)
        )
        self.late = []
        return found

    async def create_draft(
        self, invoice: Invoice, client: ExternalRef, *, key: str
    ) -> DraftInvoice:
        lie = self.lies.popleft() if self.lies else Lie.NONE
        if lie is Lie.NO_CONNECTION:
            raise SystemUnavailable(ERP, "no connection")
        await asyncio.sleep(0)
        document = self._new(invoice)
        if lie is Lie.LATE_COMMIT:
            self.late.append(document)
        elif lie is not Lie.LOST_BEFORE_COMMIT:
            self.documents.append(document)
        if lie is Lie.TWICE:
            self.documents.append(self._new(invoice))
        if lie not in (Lie.NONE, Lie.TWICE):
            raise OutcomeUnknown(ERP, f"the answer to create {invoice.key} was lost")
        return _draft(document)

    async def post_invoice(self, draft: DraftInvoice, invoice_date: date) -> PostedInvoice:
        document = self.document(draft.reference)
        if document.posted is None:
            if invoice_date <= self.closed_until:
                raise DataRejected(ERP, f"the period of {invoice_date} is closed")
            document.posted = self._posted(document, invoice_date)
        if self.lose_answer_of_post:
            self.lose_answer_of_post = False
            raise OutcomeUnknown(ERP, f"the answer to post {draft.key} was lost")
        return document.posted

    async def read_invoice(self, reference: ExternalRef) -> PostedInvoice:
        document = self.document(reference)
        assert document.posted is not None
        return document.posted

    async def delete_draft(self, draft: DraftInvoice) -> None:
        if any(each.posted for each in self.documents if each.reference == draft.reference):
            raise DataRejected(ERP, f"{draft.reference} is posted")
        self.documents = [each for each in self.documents if each.reference != draft.reference]

    async def invoice_document(self, reference: ExternalRef) -> tuple[str, bytes]:
        return f"{reference.id}.pdf", b"%PDF"

    async def posted_invoices(
        self, legal_entity: str, first: date, last: date
    ) -> AsyncIterator[Sequence[PostedInvoice]]:
        for document in self.documents:
            posted = document.posted
            if posted is not None and posted.invoice_date is not None:
                yield [posted] if first <= posted.invoice_date <= last else []

    # -- payments --------------------------------------------------------------------------------

    async def payments_since(self, legal_entity: str, cursor: str) -> AsyncIterator[PaymentPage]:
        """The pages after the one that ends with `cursor`."""
        self.asked_from.append((legal_entity, cursor))
        pages = self.payments.get(legal_entity, [])
        ends = [page.cursor for page in pages]
        for page in pages[ends.index(cursor) + 1 if cursor else 0 :]:
            yield page

    # -- what a test looks at --------------------------------------------------------------------

    def document(self, reference: ExternalRef) -> Document:
        (found,) = [each for each in self.documents if each.reference == reference]
        return found

    def numbers(self) -> list[str]:
        return [each.posted.number for each in self.documents if each.posted is not None]

    def _new(self, invoice: Invoice) -> Document:
        self.creates += 1
        reference = self._reference("account.invoice", str(self.creates))
        return Document(reference=reference, invoice=invoice)

    def _posted(self, document: Document, invoice_date: date) -> PostedInvoice:
        invoice = document.invoice
        tax = invoice.tax + self.extra_tax if self.extra_tax is not None else invoice.tax
        return PostedInvoice(
            reference=document.reference,
            key=invoice.key,
            number=f"2026/{document.reference.id.zfill(4)}",
            state="posted",
            posted=True,
            invoice_date=invoice_date,
            due_date=invoice_date + timedelta(days=invoice.net_days),
            net=invoice.net,
            tax=tax,
            gross=invoice.net + tax,
            open_amount=invoice.net + tax,
        )

    def _reference(self, kind: str, id: str) -> ExternalRef:
        return ExternalRef(system=ERP, kind=kind, id=id)


def _draft(document: Document) -> DraftInvoice:
    return DraftInvoice(reference=document.reference, key=document.invoice.key)
