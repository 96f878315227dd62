"""Work items told to the engine, and what a billing run makes of them: documents, invoices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from canonical.billing import BillingRun
from canonical.contract import ContractVersion
from canonical.engine.invariants import check_rows
from canonical.engine.retelling import Chapter, Telling
from canonical.engine.rows import Document, Transaction
from canonical.engine.running import end_of
from canonical.engine.story import Cutoff, Event
from canonical.invoice import Invoice
from canonical.invoicing import EntryWords, invoice_of
from canonical.landscape import LegalEntity
from canonical.ledger.entity import entity_terms
from canonical.periods import last_day
from canonical.rules.pricing import ExpenseCost, Work
from canonical.terms.policies import ChargeKind
from canonical.work import Expense, TimeEntry

Item = TimeEntry | Expense


class Billed(NamedTuple):
    """What one run made."""

    documents: Sequence[Document]
    rows: Mapping[str, Transaction]
    invoices: Sequence[Invoice]


def bill(
    items: Sequence[Item],
    run: BillingRun,
    version: ContractVersion,
    entity: LegalEntity,
    project_code: str,
    *then: Event,
) -> Billed:
    """A run over approved items, its documents left as drafts, and the decisions after it."""
    telling = Telling.begin([entity_terms(entity)], [version])
    cutoff = _local(run.cutoff, entity)
    prefix = f"{project_code}-{run.period}-{run.run}"
    decision = Cutoff(
        through=last_day(run.period), approved_through=cutoff, prefix=prefix, draft=True
    )
    chapter = Chapter(
        number=1,
        on=cutoff,
        contract=version.contract_id,
        decision=Event(on=cutoff, cutoff=decision),
        works=[_work(item, entity) for item in items],
    )
    telling.tell(chapter)
    for number, event in enumerate(then, start=2):
        moment = max(cutoff, end_of(event.on))
        telling.tell(Chapter(number, moment, version.contract_id, event))
    check_rows(telling.books)
    documents = list(telling.books.documents.values())
    words = {_entry(item): _words(item, entity) for item in items}
    rows = telling.books.transactions
    invoices = [
        invoice_of(document, rows, run, version, project_code, words, sequence=number)
        for number, document in enumerate(documents, start=1)
    ]
    return Billed(documents, rows, invoices)


def _entry(item: Item) -> str:
    return f"{item.source}/{item.kind}/{item.external_id}"


def _local(moment: datetime, entity: LegalEntity) -> datetime:
    return moment.astimezone(ZoneInfo(entity.time_zone)).replace(tzinfo=None)


def _work(item: Item, entity: LegalEntity) -> Work:
    if item.approved_at is None:
        raise AssertionError(f"{_entry(item)} is not approved")
    return Work(
        id=_entry(item),
        contract="",
        kind=ChargeKind(item.kind),
        work_date=item.work_date,
        approved_at=_local(item.approved_at, entity),
        quantity=item.quantity,
        person=item.person,
        role=_role(item, entity),
        task=item.task if isinstance(item, TimeEntry) else "",
        line=item.line,
        entity=item.legal_entity,
        billable=item.billable,
        in_caps=not item.outside_caps,
        description=item.description,
        expense=_cost(item) if isinstance(item, Expense) else None,
    )


def _cost(expense: Expense) -> ExpenseCost:
    return ExpenseCost(
        category=expense.category,
        net=expense.cost.amount,
        vat=expense.vat,
        recoverable_vat=expense.recoverable_vat,
        currency=expense.cost.currency,
        units=expense.units,
        disbursement=expense.disbursement,
        rate=Decimal(0),
    )


def _role(item: Item, entity: LegalEntity) -> str:
    if isinstance(item, Expense):
        return ""
    return entity.role_named(item.role) or item.role


def _words(item: Item, entity: LegalEntity) -> EntryWords:
    return EntryWords(
        item_id=item.id,
        version=1,
        source=item.source,
        external_id=item.external_id,
        person=item.person,
        person_name=item.person_name,
        role=_role(item, entity),
        task=item.task if isinstance(item, TimeEntry) else item.category,
        description=item.description,
        approved_by=item.approved_by,
        approved_at=item.approved_at,
    )
