"""Two contracts on the same terms, told the same story: what came in one order to the one comes in
another to the other, and both must be kept alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.billing import BillingRun
from canonical.contract import ContractVersion, ExpensesLine, RateRow, TimeAndMaterialsLine
from canonical.engine.invariants import check
from canonical.engine.story import Credit, Event
from canonical.errors import DomainError
from canonical.ids import ContractId, EngagementId, ExternalRef, InvoiceId, derive, payment_id
from canonical.money import Money
from canonical.payment import PaymentSeen
from canonical.periods import period_of
from canonical.terms.policies import Cap, CapPeriod, ChargeKind
from canonical.work import Expense, TimeEntry
from store.books.ledger import Decision, Ledger
from store.engine import transaction
from tests import builders as make
from tests.store.books.deciding import decide
from tests.store.books.seeding import code_of, set_up
from tests.store.conftest import Store

MONEY, HOURS_A_MONTH = Decimal(4000), Decimal(45)
BEGINS = date(2026, 1, 1)
Row = tuple[object, ...]


class Item(NamedTuple):
    """A version of an entry, as its source tells it."""

    name: str
    version: int
    kind: str
    work_date: date
    quantity: Decimal
    """Hours, or what an expense cost."""
    role: str
    approved_at: datetime | None
    billable: bool
    is_ours: bool
    """Or in a project that nobody knows."""


class Paid(NamedTuple):
    name: str
    invoice: str
    """As both sides call it."""
    amount: Decimal
    on: date


def contract_of(name: str) -> ContractVersion:
    """Two lines, and a cap over both beside one by the month over time alone."""
    rates = tuple(
        RateRow(row=role, role=role, rate=Decimal(rate), effective_from=BEGINS)
        for role, rate in (("Dev", "99.99"), ("Lead", "140.01"))
    )
    caps = (
        Cap(cap_id="MONEY", amount=MONEY),
        Cap(cap_id="HOURS", hours=HOURS_A_MONTH, per=CapPeriod.MONTH, kinds=(ChargeKind.TIME,)),
    )
    return ContractVersion(
        contract_id=ContractId(derive("contract", name)),
        engagement_id=EngagementId(f"{make.CRM}/{name}"),
        version=1,
        effective_from=BEGINS,
        legal_entity=make.ENTITY,
        bill_to=make.make_agreement().client.id,
        currency="EUR",
        net_days=30,
        labour_discount_percent=Decimal(3),
        tax_code="DE19",
        caps=caps,
        lines=(
            TimeAndMaterialsLine(line_id="time", rates=rates),
            ExpensesLine(line_id="travel", markup_percent=Decimal("7.5")),
        ),
    )


class Side:
    """One of the two contracts."""

    def __init__(self, engine: AsyncEngine, name: str, *, forgets: bool) -> None:
        self.version = contract_of(name)
        self.contract = self.version.contract_id
        self.store = Store.over(engine, make.make_landscape())
        self._name, self._forgets = name, forgets
        self._project = ExternalRef(system=make.PSA, kind="workspace", id=name)
        self._payments: dict[str, str] = {}

    async def begin(self) -> None:
        await set_up(self.store.engine, self.version, project_ref=self._project)

    # -- deliveries --------------------------------------------------------------------------------

    async def deliver(self, deliveries: Sequence[Item | Paid]) -> None:
        for each in deliveries:
            if isinstance(each, Item):
                await self.store.work.store_items([self._item(each)])
            else:
                await self._pay(each)

    def _item(self, item: Item) -> TimeEntry | Expense:
        values = {
            "source": self._name,
            "external_id": item.name,
            "version": make.RECEIVED_AT + timedelta(seconds=item.version),
            "project": self._project if item.is_ours else make.ERP_INVOICE,
            "person": "ada",
            "work_date": item.work_date,
            "billable": item.billable,
            "approved": item.approved_at is not None,
            "approved_by": "bo",
            "approved_at": item.approved_at,
        }
        if item.kind == "time":
            return TimeEntry.model_validate({**values, "hours": item.quantity, "role": item.role})
        cost = Money(amount=item.quantity, currency="EUR")
        return Expense.model_validate({**values, "cost": cost, "category": "Travel"})

    async def _pay(self, paid: Paid) -> None:
        reference = ExternalRef(system=make.ERP, kind="payment", id=f"{self._name}/{paid.name}")
        self._payments[payment_id(reference)] = paid.name
        seen = PaymentSeen(
            reference=reference,
            invoice=self._booked(paid.invoice),
            amount=Money(amount=paid.amount, currency="EUR"),
            paid_on=paid.on,
        )
        await self.store.invoices.store_payments([seen], feed=(make.ERP, "payments", "1"))

    def _booked(self, invoice: str) -> ExternalRef:
        return ExternalRef(system=make.ERP, kind="invoice", id=f"{self._name}/{invoice}")

    # -- decisions ---------------------------------------------------------------------------------

    def run(self, number: int, now: datetime) -> BillingRun:
        """Of the month, and of all that was worked until now."""
        return BillingRun(
            engagement_id=self.version.engagement_id,
            period=period_of(now.date()),
            cutoff=now,
            run=number,
        )

    async def bill(self, number: int, now: datetime) -> None:
        await self.store.billing.bill(self.run(number, now), now)

    async def post(self, invoice: str, on: date) -> None:
        (found,) = await self.store.column(
            "SELECT id::text FROM invoice WHERE key = :key", key=self._key(invoice)
        )
        number = f"{self._name}-{invoice}"
        reference = self._booked(invoice)
        await self.store.post(InvoiceId(str(found)), on, reference=reference, number=number)

    async def book_payments(self, invoice: str, now: datetime) -> None:
        (found,) = await self.store.column(
            "SELECT id::text FROM invoice WHERE key = :key", key=self._key(invoice)
        )
        await self.store.books.book_payments(InvoiceId(str(found)), now)

    async def credit(self, invoice: str, note: str, now: datetime) -> None:
        event = Event(
            on=now.date(),
            credit=Credit(invoice=self._key(invoice), credit_note=self._key(note)),
        )
        await decide(self.store, self.contract, f"{self._name}/{note}", now, event)

    async def close(self, period: str, now: datetime) -> None:
        await self.store.books.close_revenue(self.contract, period, now)

    async def crash(self, now: datetime) -> None:
        """A decision is told and its process dies before it is committed."""
        async with self.store.engine.connect() as connection, connection.begin() as begun:
            await self.store.ledger.tell(
                connection, Decision(self.contract, f"{self._name}/crash", now, None, True)
            )
            await begun.rollback()

    async def preview(self, now: datetime) -> None:
        period = period_of(now.date())
        await self.store.billing.preview(self.version.engagement_id, period, now, now)

    async def refusal_of(self, decision: Callable[[Side], Awaitable[None]]) -> str:
        """Take a decision; why it was refused, or an empty text."""
        if self._forgets:  # as a process that has just begun
            self.store = Store.over(self.store.engine, make.make_landscape())
        try:
            await decision(self)
        except DomainError as refused:
            return self._plain(str(refused))
        return ""

    def _key(self, invoice: str) -> str:
        return f"{code_of(self.version)}-{invoice}"

    # -- what is kept ------------------------------------------------------------------------------

    async def invoices(self, *, posted: bool) -> list[str]:
        found = await self.store.column(
            "SELECT key FROM invoice WHERE contract_id = CAST(:contract AS uuid)"
            " AND type = 'invoice' AND (posted_in IS NOT NULL) = :posted ORDER BY key",
            contract=self.contract,
            posted=posted,
        )
        return [str(key).removeprefix(f"{code_of(self.version)}-") for key in found]

    async def kept(self) -> dict[str, Counter[Row]]:
        """All rows of the contract, in words that both sides share."""
        return {name: await self._rows(query) for name, query in _KEPT.items()}

    async def _rows(self, query: str) -> Counter[Row]:
        found = await self.store.rows(query, contract=self.contract)
        return Counter(
            tuple(self._plain(each) if isinstance(each, str) else each for each in row)
            for row in found
        )

    def _plain(self, said: str) -> str:
        names = {code_of(self.version): "CODE", self.contract: "CONTRACT", self._name: "SOURCE"}
        for theirs, ours in (names | self._payments).items():
            said = said.replace(theirs, ours)
        return said

    async def check(self, on: date) -> None:
        """What must hold after every step; `check` proves that parts add up, and caps' counters."""
        told = Ledger(make.make_landscape())
        async with transaction(self.store.engine) as connection:
            _, books = await told.read(connection, self.contract)
        check(books.telling.books, on)
        over = await self.store.rows(
            _OVER_CAP, contract=self.contract, money=MONEY, hours=HOURS_A_MONTH
        )
        assert over == []


_KEPT = {
    "journals": """
        SELECT j.posted_on, j.event, j.document, j.service_period, l.account, l.amount,
               l.document_amount, l.contract, l.item
        FROM journal_entry j JOIN journal_line l ON l.journal_id = j.id
        WHERE j.contract_id = CAST(:contract AS uuid)""",
    "transactions": """
        SELECT i.key, t.line_id, t.kind, t.external_id, t.portion, t.work_date, t.quantity, t.rate,
               t.amount, t.discount, t.net, t.measure, t.limits::text, t.credits IS NULL
        FROM billing_transaction t JOIN invoice_transaction l ON l.transaction_id = t.id
        JOIN invoice i ON i.id = l.invoice_id WHERE t.contract_id = CAST(:contract AS uuid)""",
    "documents": """
        SELECT key, type, net, tax, gross, discount, paid, state, posted_in IS NOT NULL
        FROM invoice WHERE contract_id = CAST(:contract AS uuid)""",
    "holds": """
        SELECT h.run, h.period, w.external_id, h.reason, h.quantity, h.amount
        FROM hold h JOIN work_item w ON w.id = h.item_id
        JOIN contract_version v ON v.engagement_id = h.engagement_id
        WHERE v.contract_id = CAST(:contract AS uuid)""",
    "balances": """
        SELECT w.external_id, b.approved, b.billed, b.credited, b.recall_pending
        FROM work_item_balance b JOIN work_item w ON w.id = b.item_id
        WHERE EXISTS (SELECT 1 FROM book_work h JOIN book_chapter c ON c.id = h.chapter_id
                      WHERE h.item_id = w.id AND c.contract_id = CAST(:contract AS uuid))""",
}

_OVER_CAP = """
SELECT 'MONEY' FROM billing_transaction WHERE contract_id = CAST(:contract AS uuid)
HAVING sum(measure) > :money
UNION ALL
SELECT 'HOURS' FROM billing_transaction
WHERE contract_id = CAST(:contract AS uuid) AND kind = 'time'
GROUP BY to_char(work_date, 'YYYY-MM') HAVING sum(quantity) > :hours
"""
