"""The Erp port over Tryton."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date

from adapters.tryton.api import Tryton, Values
from adapters.tryton.books import Books
from adapters.tryton.entries import Entries
from adapters.tryton.entry_mapping import ENTRY, to_draft_entry, to_posted_entry
from adapters.tryton.invoices import Invoices
from adapters.tryton.mapping import INVOICE, PARTY, WORK, external_ref, to_draft, to_posted
from adapters.tryton.parties import Parties
from adapters.tryton.payments import PaymentFeed
from adapters.tryton.projects import Projects
from adapters.tryton.settings import TrytonSettings
from canonical.client import Client
from canonical.errors import RecordMissing, SetupInvalid, SystemRefusesUs
from canonical.ids import ExternalRef
from canonical.invoice import DraftInvoice, Invoice, PostedInvoice
from canonical.journal_entry import DraftEntry, JournalEntry, PostedEntry
from canonical.landscape import LegalEntity
from canonical.payment import PaymentPage
from canonical.project import ProjectPlan


class TrytonErp:
    """One database; it may hold the books of several legal entities."""

    def __init__(
        self,
        tryton: Tryton,
        entities: Sequence[LegalEntity],
        settings: TrytonSettings,
        organisation: str = "",
    ) -> None:
        """`entities` are those whose ERP this is; `organisation` the company that must be found
        there, empty for no such check."""
        self._tryton = tryton
        self._books = {entity.code: Books(tryton, entity) for entity in entities}
        self._organisation = organisation
        self._parties = Parties(tryton)
        self._projects = Projects(tryton)
        self._invoices = Invoices(tryton, settings.page_size, settings.skip_warnings)
        self._payments = PaymentFeed(tryton, settings.page_size)
        self._entries = Entries(tryton)

    async def check(self) -> str:
        """Logs in and finds the company of every legal entity."""
        await self._tryton.preferences()
        names = [(await books.company()).party.name for books in self._books.values()]
        if self._organisation and self._organisation not in names:
            raise SystemRefusesUs(
                self._tryton.system,
                f"it keeps the books of {', '.join(names) or 'nobody'}, not of "
                f"{self._organisation!r}: is it another environment's?",
            )
        return f"Tryton database {self._tryton.database}, books of {', '.join(names)}"

    async def ensure_client(self, client: Client, *, key: str) -> ExternalRef:
        party = await self._parties.ensure(self._any_books(), client)
        return external_ref(self._tryton.system, PARTY, party)

    async def ensure_project(
        self, plan: ProjectPlan, client: ExternalRef, *, key: str
    ) -> ExternalRef:
        books = self._books_of(plan.legal_entity)
        project = await self._projects.ensure(books, plan, self._id(client, PARTY))
        return external_ref(self._tryton.system, WORK, project)

    async def archive_project(self, project: ExternalRef) -> None:
        await self._projects.archive(self._any_books(), self._id(project, WORK))

    async def archive_client(self, client: ExternalRef) -> None:
        await self._parties.archive(self._any_books(), self._id(client, PARTY))

    async def find_client(self, legal_entity: str, code: str) -> ExternalRef | None:
        party = await self._parties.find(self._books_of(legal_entity), code)
        return None if party is None else external_ref(self._tryton.system, PARTY, party.id)

    async def find_project(self, legal_entity: str, code: str) -> ExternalRef | None:
        project = await self._projects.find(self._books_of(legal_entity), code)
        return None if project is None else external_ref(self._tryton.system, WORK, project.id)

    async def find_invoices(self, legal_entity: str, key: str) -> Sequence[DraftInvoice]:
        found = await self._invoices.with_key(self._books_of(legal_entity), key)
        return [to_draft(self._tryton.system, row) for row in found]

    async def create_draft(
        self, invoice: Invoice, client: ExternalRef, *, key: str
    ) -> DraftInvoice:
        books = self._books_of(invoice.legal_entity)
        created = await self._invoices.create(books, invoice, self._id(client, PARTY), key)
        return DraftInvoice(reference=external_ref(self._tryton.system, INVOICE, created), key=key)

    async def post_invoice(self, draft: DraftInvoice, invoice_date: date) -> PostedInvoice:
        row = await self._invoices.post(
            self._id(draft.reference, INVOICE), invoice_date, await self._context()
        )
        return to_posted(self._tryton.system, row)

    async def read_invoice(self, reference: ExternalRef) -> PostedInvoice:
        row = await self._invoices.read(self._id(reference, INVOICE), await self._context())
        return to_posted(self._tryton.system, row)

    async def delete_draft(self, draft: DraftInvoice) -> None:
        invoice = self._id(draft.reference, INVOICE)
        await self._invoices.delete_draft(invoice, draft.key, await self._context())

    async def invoice_document(self, reference: ExternalRef) -> tuple[str, bytes]:
        return await self._invoices.document(self._id(reference, INVOICE), await self._context())

    def payments_since(self, legal_entity: str, cursor: str) -> AsyncIterator[PaymentPage]:
        return self._payments.since(self._books_of(legal_entity), cursor)

    async def posted_invoices(
        self, legal_entity: str, first: date, last: date
    ) -> AsyncIterator[Sequence[PostedInvoice]]:
        books = self._books_of(legal_entity)
        async for page in self._invoices.posted_between(books, first, last):
            yield [to_posted(self._tryton.system, row) for row in page]

    async def find_entries(self, legal_entity: str, key: str) -> Sequence[DraftEntry]:
        found = await self._entries.with_key(self._books_of(legal_entity), key)
        return [to_draft_entry(self._tryton.system, row, key) for row in found]

    async def create_entry(self, entry: JournalEntry) -> DraftEntry:
        created = await self._entries.create(self._books_of(entry.legal_entity), entry)
        return DraftEntry(
            reference=external_ref(self._tryton.system, ENTRY, created), key=entry.key
        )

    async def post_entry(self, draft: DraftEntry) -> PostedEntry:
        row = await self._entries.post(self._id(draft.reference, ENTRY), await self._context())
        return to_posted_entry(self._tryton.system, row)

    async def delete_entry(self, draft: DraftEntry) -> None:
        move = self._id(draft.reference, ENTRY)
        await self._entries.delete_draft(move, draft.key, await self._context())

    async def first_open_day(self, legal_entity: str, day: date) -> date:
        return await self._entries.first_open_day(self._books_of(legal_entity), day)

    async def close(self) -> None:
        await self._tryton.close()

    def _books_of(self, legal_entity: str) -> Books:
        if legal_entity not in self._books:
            raise SetupInvalid(
                f"{self._tryton.system} is not the ERP of legal entity {legal_entity!r}; "
                "correct the landscape"
            )
        return self._books[legal_entity]

    def _any_books(self) -> Books:
        """Parties and works are shared by the companies of a database."""
        if not self._books:
            raise SetupInvalid(f"{self._tryton.system} is the ERP of no legal entity")
        return next(iter(self._books.values()))

    async def _context(self) -> Values:
        return await self._any_books().context()

    def _id(self, reference: ExternalRef, kind: str) -> int:
        """Our reference's id in this database. Raises RecordMissing when it cannot be one."""
        fits = (reference.system, reference.kind) == (self._tryton.system, kind)
        if not (fits and reference.id.isascii() and reference.id.isdigit()):
            raise RecordMissing(self._tryton.system, f"{reference} is no {kind} of this system")
        return int(reference.id)
