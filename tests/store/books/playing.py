"""Scenarios played through the store: the same story, told by events, items and decisions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pydantic import JsonValue

from canonical.contract import ContractVersion
from canonical.engine import story
from canonical.engine.deliveries import start_of
from canonical.engine.rows import Document
from canonical.engine.running import day_of, end_of
from canonical.events import (
    ExchangeRatesPublished,
    MilestoneAchieved,
    PeriodLocked,
    ProgressReported,
)
from canonical.ids import ContractId, ExternalRef, InvoiceId
from canonical.invoice import PostedInvoice
from canonical.money import Money
from canonical.payment import PaymentSeen
from canonical.scenario.model import Scenario, entities_of, versions_of
from canonical.work import Expense, TimeEntry
from store.books.ledger import Page
from tests import builders as make
from tests.store.books.deciding import decide
from tests.store.books.names import SOURCE, Names, booked_as, paid_as
from tests.store.books.seeding import set_up
from tests.store.conftest import Store

BusinessEvent = ExchangeRatesPublished | MilestoneAchieved | PeriodLocked | ProgressReported


class Step(NamedTuple):
    moment: datetime
    number: int
    event: story.Event


class Player:
    """Plays one scenario. Deliveries reach the store as they do in life; each decision then hears
    what came since the one before."""

    def __init__(self, store: Store, scenario: Scenario) -> None:
        self._store, self._scenario = store, scenario
        self.names = Names(scenario)
        self.versions = [
            ContractVersion.model_validate(self.names.told(_contract(each)))
            for each in versions_of(scenario, entities_of(scenario))
        ]
        self.contracts = list(dict.fromkeys(each.contract_id for each in self.versions))
        self._items: dict[str, TimeEntry | Expense] = {}
        self.chapters = 0
        """How many were told."""

    async def play(self) -> None:
        """Raises what the rules refuse."""
        for contract in self.contracts:
            versions = [each for each in self.versions if each.contract_id == contract]
            await set_up(self._store.engine, *versions, project_ref=_project(contract))
        steps = sorted(_steps(self._scenario.story))
        for step in steps:
            if step.event.kind in story.DELIVERIES:
                await self._deliver(step)
            else:
                await self._decide(step)
        last = steps[-1].moment if steps else start_of(self.versions[0].effective_from)
        await self._look(last, self.contracts)

    # -- decisions ---------------------------------------------------------------------------------

    async def _decide(self, step: Step) -> None:
        if step.event.lock is not None:
            await self._look(step.moment, self.contracts)
            await self._lock(step, step.event.lock)
            return
        event = story.Event.model_validate(
            self.names.told(step.event.model_dump(mode="json", exclude_unset=True))
        )
        contract = ContractId(_contract_of(event) or self.contracts[0])
        await self._look(step.moment, [each for each in self.contracts if each != contract])
        page = await self._tell_ledger(contract, step.moment, event)
        for document in page.made.posted:
            await self._book(document)

    async def _look(self, moment: datetime, contracts: Sequence[ContractId]) -> None:
        for contract in contracts:
            await self._tell_ledger(contract, moment, None)

    async def _tell_ledger(
        self, contract: ContractId, moment: datetime, event: story.Event | None
    ) -> Page:
        key = f"story/{self.chapters + 1}"
        page = await decide(self._store, contract, key, _utc(moment), event)
        assert page is not None, "no chapter is told twice"
        self.chapters += 1
        return page

    async def _lock(self, step: Step, lock: story.Lock) -> None:
        codes = (
            [lock.entity] if lock.entity else [each.code for each in entities_of(self._scenario)]
        )
        for code in codes:
            await self._record(PeriodLocked, step, code, legal_entity=code, period=lock.period)

    async def _book(self, document: Document) -> None:
        """As the ERP tells of an invoice that it posted."""
        (invoice,) = await self._store.column(
            "SELECT id::text FROM invoice WHERE key = :key", key=document.id
        )
        posted = PostedInvoice(
            reference=booked_as(document.id),
            key=document.id,
            number=document.id,
            state="posted",
            posted=True,
            invoice_date=document.on,
            net=Money(amount=document.net, currency=document.currency),
            tax=Money(amount=document.tax, currency=document.currency),
            gross=Money(amount=document.gross, currency=document.currency),
            open_amount=Money(amount=document.gross, currency=document.currency),
        )
        await self._store.invoices.record_posted(InvoiceId(str(invoice)), posted)

    # -- deliveries --------------------------------------------------------------------------------

    async def _deliver(self, step: Step) -> None:
        event = step.event
        for entry in event.time or ():
            await self._keep(self._time(step, entry, approved=True))
        for entry in event.submitted or ():
            await self._keep(self._time(step, entry, approved=False))
        for expense in event.expense or ():
            await self._keep(self._expense(step, expense))
        for name in event.recall.entries if event.recall is not None else ():
            await self._keep(self._items[name].model_copy(update={"approved": False}))
        if event.payment is not None:
            await self._pay(step, event.payment)
        await self._tell(step)

    async def _tell(self, step: Step) -> None:
        """What comes as a business event."""
        event, day = step.event, day_of(step.event.on)
        if event.rates is not None:
            rates = event.rates.rates
            await self._record(ExchangeRatesPublished, step, "rates", rate_on=day, rates=rates)
        if (accepted := event.acceptance) is not None:
            await self._record(
                MilestoneAchieved,
                step,
                accepted.milestone,
                project=self._project_of(accepted.contract),
                milestone=accepted.milestone,
                accepted_by=accepted.accepted_by,
                accepted_on=accepted.accepted_on or day,
                document_hash=accepted.document_hash,
            )
        if (report := event.progress) is not None:
            await self._record(
                ProgressReported,
                step,
                report.line,
                project=self._project_of(report.contract),
                line=report.line,
                as_of=report.as_of or day,
                to_date=report.to_date,
                estimate=report.estimate,
            )

    async def _record(
        self, kind: type[BusinessEvent], step: Step, subject: str, **values: object
    ) -> None:
        event = kind.model_validate(
            {
                "id": f"{step.number}/{subject}",
                "source": SOURCE,
                "occurred_at": _utc(step.moment),
                **values,
            }
        )
        await self._store.events.record_event(event, _utc(step.moment))

    async def _keep(self, item: TimeEntry | Expense) -> None:
        """Each time it is told, its source has changed it a second later."""
        known = self._items.get(item.external_id)
        if known is not None:
            item = item.model_copy(update={"version": known.version + timedelta(seconds=1)})
        self._items[item.external_id] = item
        await self._store.work.store_items([item])

    def _time(self, step: Step, entry: story.Time, *, approved: bool) -> TimeEntry:
        return TimeEntry(
            source=SOURCE,
            external_id=entry.id,
            version=_utc(step.moment),
            project=self._project_of(entry.contract),
            person=entry.person,
            work_date=entry.work_date,
            hours=entry.hours,
            role=entry.role,
            task=entry.task,
            line=entry.line,
            legal_entity=entry.entity,
            billable=entry.billable,
            outside_caps=entry.outside_caps,
            description=entry.description,
            submitted=not approved,
            approved=approved,
            approved_by="boss",
            approved_at=_utc(start_of(entry.approved_at or step.event.on)),
        )

    def _expense(self, step: Step, expense: story.Expense) -> Expense:
        contract = self._contract_named(expense.contract)
        version = next(each for each in self.versions if each.contract_id == contract)
        return Expense(
            source=SOURCE,
            external_id=expense.id,
            version=_utc(step.moment),
            project=_project(contract),
            person=expense.person,
            work_date=expense.expense_date,
            cost=Money(amount=expense.net, currency=expense.currency or version.currency),
            category=expense.category,
            vat=expense.vat,
            recoverable_vat=expense.recoverable_vat,
            units=expense.units,
            disbursement=expense.disbursement,
            line=expense.line,
            legal_entity=expense.entity,
            billable=expense.billable,
            outside_caps=expense.outside_caps,
            description=expense.description,
            approved=True,
            approved_by="boss",
            approved_at=_utc(start_of(expense.approved_at or step.event.on)),
        )

    async def _pay(self, step: Step, payment: story.Payment) -> None:
        (currency,) = await self._store.column(
            "SELECT currency FROM invoice WHERE key = :key", key=payment.invoice
        )
        seen = PaymentSeen(
            reference=paid_as(payment.id),
            invoice=booked_as(payment.invoice),
            amount=Money(amount=payment.amount, currency=payment.currency or str(currency)),
            paid_on=day_of(step.event.on),
        )
        await self._store.invoices.store_payments([seen], feed=(make.ERP, "payments", "1"))

    def _contract_named(self, name: str) -> ContractId:
        return ContractId(self.names.contracts[name]) if name else self.contracts[0]

    def _project_of(self, name: str) -> ExternalRef:
        return _project(self._contract_named(name))


def _contract(version: ContractVersion) -> JsonValue:
    told: JsonValue = version.model_dump(mode="json", exclude_unset=True) | {
        "engagement_id": f"story/{version.contract_id}",
        "version": version.version,
        "legal_entity": version.legal_entity,
        "net_days": version.net_days,
        "grouping": version.grouping.value,
    }
    return told


def _steps(events: Sequence[story.Event]) -> Iterator[Step]:
    """In the order in which the fold takes them."""
    for number, event in enumerate(events):
        came = event.arrives or event.on
        moment = start_of(came) if event.kind in story.DELIVERIES else end_of(came)
        yield Step(moment, number, event)


def _contract_of(event: story.Event) -> str:
    if event.cutoff is not None:
        return event.cutoff.contracts[0] if len(event.cutoff.contracts) == 1 else ""
    return str(getattr(getattr(event, event.kind), "contract", ""))


def _project(contract: ContractId) -> ExternalRef:
    return ExternalRef(system=make.PSA, kind="workspace", id=contract)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)
