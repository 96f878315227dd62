"""Reconciliation of a day: clients, projects and invoices, ours against the ERP's; breaks become
cases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from temporalio import activity

from canonical.base import Noun
from canonical.case import Case
from canonical.errors import DataRejected, Role
from canonical.ids import ExternalRef, case_id
from canonical.invoice import DraftInvoice, PostedInvoice
from canonical.money import Money
from canonical.ports import Erp
from canonical.records import CaseRecords, LedgerInvoice, LinkedProject, ReconcileRecords

BREAKS_SHOWN_MAX = 50


class CompareDay(Noun):
    legal_entity: str
    day: date


class Break(Noun):
    """One difference between us and the ERP."""

    cause: str
    subject: str
    message: str
    amount: Money | None = None


class DayCompared(Noun):
    """What was compared, and what differs (each break is a case in the store)."""

    clients: int
    projects: int
    invoices: int
    breaks: int
    drafts_removed: int = 0
    """Surplus drafts of posted invoices: what a create that was answered too late left behind."""
    shown: tuple[Break, ...] = ()


class ReconcileActivities:
    """Runs on the ERP's task queue."""

    def __init__(self, erp: Erp, records: ReconcileRecords, cases: CaseRecords) -> None:
        self._erp, self._records, self._cases = erp, records, cases

    @activity.defn
    async def compare_day(self, request: CompareDay) -> DayCompared:
        """Compare clients and projects of active engagements, and the invoices dated that day."""
        projects = await self._records.entity_projects(request.legal_entity)
        breaks = await self._master_breaks(request.legal_entity, projects)
        ours = await self._records.invoices_dated(request.legal_entity, request.day)
        theirs = await self._posted(request)
        breaks += invoice_breaks(ours, theirs)
        drafts_removed = await self._remove_litter(request.legal_entity, ours)
        for each in breaks:
            await self._cases.open_case(_case(request, each))
        return DayCompared(
            clients=len({project.client_code for project in projects}),
            projects=len(projects),
            invoices=len({each.key for each in ours} | {each.key for each in theirs}),
            breaks=len(breaks),
            drafts_removed=drafts_removed,
            shown=tuple(breaks[:BREAKS_SHOWN_MAX]),
        )

    async def _master_breaks(
        self, legal_entity: str, projects: Sequence[LinkedProject]
    ) -> list[Break]:
        breaks: list[Break] = []
        clients = {project.client_code: project.client for project in projects}
        for code, linked in clients.items():
            found = await self._erp.find_client(legal_entity, code)
            breaks += _link_break("client", code, linked, found)
        for project in projects:
            found = await self._erp.find_project(legal_entity, project.code)
            breaks += _link_break("project", project.code, project.project, found)
        return breaks

    async def _remove_litter(self, legal_entity: str, ours: Sequence[LedgerInvoice]) -> int:
        """Delete drafts that carry the key of an invoice that another document is bound to."""
        removed = 0
        for invoice in ours:
            for document in await self._erp.find_invoices(legal_entity, invoice.key):
                if invoice.reference is not None and document.reference != invoice.reference:
                    removed += await self._removed(document)
        return removed

    async def _removed(self, document: DraftInvoice) -> bool:
        try:
            await self._erp.delete_draft(document)
        except DataRejected:
            return False  # it is posted: the comparison has said so already
        return True

    async def _posted(self, request: CompareDay) -> list[PostedInvoice]:
        pages = self._erp.posted_invoices(request.legal_entity, request.day, request.day)
        return [invoice async for page in pages for invoice in page]


def _link_break(
    noun: str, code: str, linked: ExternalRef | None, found: ExternalRef | None
) -> list[Break]:
    if linked == found:
        return []
    message = f"{noun} {code}: linked to {linked or 'nothing'}, the ERP has {found or 'nothing'}"
    return [Break(cause=f"{noun}_differs", subject=f"{noun} {code}", message=message)]


def invoice_breaks(ours: Sequence[LedgerInvoice], theirs: Sequence[PostedInvoice]) -> list[Break]:
    """Differences of the invoices of one day: missing on either side, twice, or other figures."""
    breaks: list[Break] = []
    by_key: dict[str, list[PostedInvoice]] = {}
    for posted in theirs:
        by_key.setdefault(posted.key, []).append(posted)
    for invoice in ours:
        breaks += _compare(invoice, by_key.pop(invoice.key, []))
    for key, documents in by_key.items():
        breaks += [
            Break(
                cause="invoice_unknown_to_us",
                subject=f"invoice {posted.number}",
                message=f"the ERP posted {posted.number} ({key or 'no key'}), which we do not know",
                amount=posted.gross,
            )
            for posted in documents
        ]
    return breaks


def _compare(ours: LedgerInvoice, documents: Sequence[PostedInvoice]) -> list[Break]:
    subject = f"invoice {ours.number or ours.key}"
    if not documents:
        message = f"{subject} is posted with us, the ERP has no such document on that day"
        return [_break("invoice_missing_in_erp", subject, message, ours.gross)]
    breaks: list[Break] = []
    if len(documents) > 1:
        numbers = ", ".join(document.number for document in documents)
        message = f"{subject} was posted {len(documents)} times: {numbers}"
        breaks.append(_break("invoice_posted_twice", subject, message, ours.gross))
    theirs = documents[0]
    figures = (
        ("net", ours.net, theirs.net),
        ("tax", ours.tax, theirs.tax),
        ("gross", ours.gross, theirs.gross),
        ("paid", ours.paid, theirs.gross - theirs.open_amount),
    )
    for name, here, there in figures:
        if here != there:
            message = f"{subject}: {name} is {here} with us and {there} in the ERP"
            breaks.append(_break(f"invoice_{name}_differs", subject, message, here))
    return breaks


def _break(cause: str, subject: str, message: str, amount: Money) -> Break:
    return Break(cause=cause, subject=subject, message=message, amount=amount)


def _case(request: CompareDay, each: Break) -> Case:
    process = f"reconcile/{request.legal_entity}/{request.day}"
    return Case(
        id=case_id(process, each.cause, each.subject),
        process=process,
        cause=each.cause,
        subject=each.subject,
        owner=Role.FINANCE,
        message=each.message,
        next_step="Find out which side is right; correct it there, then reconcile the day again.",
        legal_entity=request.legal_entity,
        amount=each.amount,
    )
