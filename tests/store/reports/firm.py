"""A small firm whose stories are told through the store's own classes, and its reports.

Days are ISO dates; decisions are taken, and work is approved, at noon UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.billing import BillingRun, RunKind
from canonical.engine.story import Event
from canonical.events import MilestoneAchieved, PeriodLocked, ProgressReported, RetentionReleased
from canonical.ids import InvoiceId, derive
from canonical.landscape import Landscape, Owner
from canonical.reports.head import ReportKind
from canonical.reports.proofs import ProofSheet
from canonical.reports.rows import ReportRow
from store.billing import BillingStore
from store.book_store import BookStore
from store.books.ledger import Decision, Ledger
from store.declarations import lock_period
from store.engine import transaction
from store.reports.reports import ReportStore
from store.reports.scope import Scope
from store.tables import billing_run, exchange_rate, payment
from store.work import WorkStore
from tests.store.reports.arriving import OfProject, expense_of, hours_of, keep_event
from tests.store.reports.sold import LANDSCAPE, NORTH, PSA, Sold, agree, noon, sold_as, version_of


@dataclass
class Firm:
    """Tells stories; days are ISO dates, decisions are taken at noon UTC."""

    engine: AsyncEngine
    landscape: Landscape = LANDSCAPE
    runs: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.landscape)
        self.billing = BillingStore(self.engine, self.ledger)
        self.books = BookStore(self.engine, self.ledger, self.landscape)
        self.items = WorkStore(self.engine)
        self.reports = ReportStore(self.engine, self.landscape)

    def with_tax_of_the_erp(self) -> Firm:
        entities = [
            each.model_copy(update={"tax_owner": Owner.ERP}) for each in self.landscape.entities
        ]
        return Firm(self.engine, self.landscape.model_copy(update={"entities": tuple(entities)}))

    async def sell(
        self,
        code: str,
        *lines: dict[str, object],
        entity: str = NORTH,
        currency: str = "EUR",
        customer: str = "Falke GmbH",
        **terms: object,
    ) -> Sold:
        """A contract; see `version_of`."""
        sold = sold_as(code, customer, currency)
        async with transaction(self.engine) as connection:
            await agree(connection, sold, version_of(sold, entity, {**terms, "lines": lines}))
        return sold

    # -- what arrives

    async def work(
        self, sold: Sold, name: str, day: str, hours: str, *, approved: str = "", **more: object
    ) -> None:
        """See `hours_of`."""
        await self.items.store_items([hours_of(sold, name, day, hours, approved, more)])

    async def expense(self, sold: Sold, name: str, day: str, net: str, **more: object) -> None:
        await self.items.store_items([expense_of(sold, name, day, net, more)])

    async def rates(self, day: str, **rates: str) -> None:
        """`EUR_USD="1.10"`: dollars for one euro."""
        async with transaction(self.engine) as connection:
            for pair, rate in rates.items():
                base, quote = pair.split("_")
                await connection.execute(
                    insert(exchange_rate).values(
                        base=base,
                        quote=quote,
                        rate_on=date.fromisoformat(day),
                        rate=Decimal(rate),
                        source="test",
                    )
                )

    async def accept(self, sold: Sold, milestone: str, day: str) -> None:
        await self._event(
            MilestoneAchieved(
                id=f"{sold.code}/{milestone}",
                source=PSA,
                occurred_at=noon(day),
                project=sold.project,
                milestone=milestone,
                accepted_by="client",
                accepted_on=date.fromisoformat(day),
                document_hash="sha256:1",
            ),
            sold,
        )

    async def progress(self, sold: Sold, day: str, to_date: str, estimate: str) -> None:
        await self._event(
            ProgressReported(
                id=f"{sold.code}/{day}",
                source=PSA,
                occurred_at=noon(day),
                project=sold.project,
                as_of=date.fromisoformat(day),
                to_date=Decimal(to_date),
                estimate=Decimal(estimate),
            ),
            sold,
        )

    async def _event(self, event: OfProject, sold: Sold) -> str:
        async with transaction(self.engine) as connection:
            return await keep_event(connection, event, sold)

    async def lock(self, period: str, entity: str = NORTH) -> None:
        """The ERP closed a period."""
        locked = PeriodLocked(
            id=f"{entity}/{period}",
            source="erp",
            occurred_at=noon(f"{period}-01"),
            legal_entity=entity,
            period=period,
        )
        async with transaction(self.engine) as connection:
            identity = await keep_event(connection, locked, None)
            await lock_period(connection, identity, locked)

    # -- what is decided

    async def bill(self, sold: Sold, period: str, day: str) -> Sequence[InvoiceId]:
        """A run that is cut off at noon of a day; its drafts."""
        summary = await self.billing.bill(self._run(sold, period, day), noon(day))
        return summary.invoices

    def _run(self, sold: Sold, period: str, day: str, kind: RunKind = RunKind.CUTOFF) -> BillingRun:
        number = self.runs[sold.code] = self.runs.get(sold.code, 0) + 1
        return BillingRun(
            engagement_id=sold.engagement, period=period, cutoff=noon(day), run=number, kind=kind
        )

    async def release(self, sold: Sold, period: str, day: str, *milestones: str) -> InvoiceId:
        """An invoice of what was retained."""
        event = RetentionReleased(
            id=f"{sold.code}/{day}",
            source=PSA,
            occurred_at=noon(day),
            project=sold.project,
            condition="warranty ended",
            milestones=milestones,
        )
        identity = await self._event(event, sold)
        run = self._run(sold, period, day, RunKind.RETENTION_RELEASE)
        async with transaction(self.engine) as connection:
            await connection.execute(
                insert(billing_run).values(
                    engagement_id=run.engagement_id,
                    period=run.period,
                    run=run.run,
                    cutoff=run.cutoff,
                    event_id=identity,
                )
            )
        summary = await self.billing.bill(run, noon(day))
        (invoice,) = summary.invoices
        return invoice

    async def post(
        self, invoice: InvoiceId, day: str, due: str | None = None, *, tax: str | None = None
    ) -> None:
        """As the ERP posted it, with our figures or its own tax."""
        async with transaction(self.engine) as connection:
            await connection.execute(
                text(
                    "UPDATE invoice SET number = 'RE-' || sequence || '-' || left(id::text, 4),"
                    " state = 'posted', invoice_date = :day, due_date = :due, booked_net = net,"
                    " booked_tax = coalesce(:tax, tax), booked_gross = net + coalesce(:tax, tax)"
                    " WHERE id = CAST(:id AS uuid)"
                ),
                {
                    "id": invoice,
                    "day": date.fromisoformat(day),
                    "due": date.fromisoformat(due) if due else None,
                    "tax": Decimal(tax) if tax else None,
                },
            )
        await self.books.post_invoice(invoice)

    async def bill_and_post(
        self, sold: Sold, period: str, day: str, due: str | None = None
    ) -> InvoiceId:
        (invoice,) = await self.bill(sold, period, day)
        await self.post(invoice, day, due)
        return invoice

    async def pay(self, sold: Sold, invoice: InvoiceId, amount: str, day: str) -> str:
        """Money that the ERP registered on an invoice; its id in our ledger."""
        reference = ("erp", "payment", f"{invoice}/{day}")
        identity = derive("payment", *reference)
        async with transaction(self.engine) as connection:
            await connection.execute(
                insert(payment).values(
                    id=identity,
                    reference_system=reference[0],
                    reference_kind=reference[1],
                    reference_id=reference[2],
                    invoice_system="erp",
                    invoice_kind="invoice",
                    invoice_id=invoice,
                    our_invoice=invoice,
                    amount=Decimal(amount),
                    currency=await connection.scalar(
                        text("SELECT currency FROM invoice WHERE id = CAST(:id AS uuid)"),
                        {"id": invoice},
                    ),
                    paid_on=date.fromisoformat(day),
                )
            )
        await self.books.book_payments(invoice, noon(day))
        return identity

    async def close(self, sold: Sold, period: str, day: str) -> None:
        await self.books.close_revenue(sold.contract, period, noon(day))

    async def decide(self, sold: Sold, day: str, **decision: object) -> None:
        """Any decision of the engine."""
        event = Event.model_validate({"on": noon(day).replace(tzinfo=None), **decision})
        key = f"test/{sold.code}/{event.kind}/{day}"
        async with transaction(self.engine) as connection:
            page = await self.ledger.tell(
                connection, Decision(sold.contract, key, noon(day), event)
            )
        self.ledger.shelve(page)

    async def key_of(self, invoice: InvoiceId) -> str:
        async with transaction(self.engine) as connection:
            found = await connection.scalar(
                text("SELECT key FROM invoice WHERE id = CAST(:id AS uuid)"), {"id": invoice}
            )
        return str(found)

    # -- what is reported

    async def report(
        self,
        kind: ReportKind,
        as_of: str,
        *,
        told_by: str = "",
        entity: str = "",
        detail: bool = False,
    ) -> tuple[list[ReportRow], ProofSheet]:
        day = date.fromisoformat(as_of)
        scope = Scope(day, date.fromisoformat(told_by or as_of), entity)
        rows: list[ReportRow] = []
        proofs = ProofSheet()
        async for page in self.reports.pages(kind, scope, detail=detail):
            rows += page.rows
            proofs.add(page.proofs)
        return rows, proofs
