"""Drafting: charges become transactions, one set per billing entity, customer and currency."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from canonical.contract import ContractLine, ContractVersion, ExpensesLine
from canonical.engine.books import ContractBook
from canonical.engine.documents import AGENT, UNTAXED, Draft
from canonical.engine.rows import Charge, Transaction, TransactionKind
from canonical.ledger.accounts import Account
from canonical.money import allocate, minor_unit, round_half_up
from canonical.periods import period_of
from canonical.rules.caps import consumption
from canonical.rules.labour_discount import discounts
from canonical.rules.milestones import retention_percent
from canonical.rules.pricing import Work
from canonical.terms.lines import MilestonesLine, RetentionTax
from canonical.terms.policies import ChargeKind, RevenueTiming

ZERO = Decimal(0)
_FEE_KIND = {
    "retainer": TransactionKind.RETAINER,
    "milestones": TransactionKind.MILESTONE,
    "fixed_fee": TransactionKind.SCHEDULE,
}


class DocumentKey(NamedTuple):
    """What goes on one document."""

    contract: str
    entity: str
    customer: str
    currency: str


class Column(NamedTuple):
    """What all charges of one line, version, payer and kind have in common."""

    key: DocumentKey
    line: ContractLine
    version: ContractVersion
    kind: TransactionKind
    tax_code: str
    credit_to: Account | None


class Item(NamedTuple):
    """A charge with its part of what is computed once on a whole."""

    column: Column
    charge: Charge
    discount: Decimal = ZERO
    retained: Decimal = ZERO


Group = list[Item]


def by_document(charges: Iterable[tuple[ContractBook, Charge]]) -> dict[DocumentKey, Group]:
    """Charges by the document they go on, fees before work."""
    columns: dict[tuple[object, ...], Column] = {}
    fees: list[Item] = []
    rest: list[Item] = []
    for book, charge in charges:
        work = charge.price.work
        is_agent = work.expense is not None and work.expense.disbursement
        same = (id(charge.line), id(charge.version), charge.customer, work.kind, is_agent)
        column = columns.get(same)
        if column is None:
            column = columns[same] = _column(book, charge)
        (fees if work.kind is ChargeKind.FEE else rest).append(Item(column, charge))
    items = [*fees, *rest]
    if any(column.version.labour_discount_percent for column in columns.values()):
        _discount(items)
    if any(isinstance(column.line, MilestonesLine) for column in columns.values()):
        _retain(items)
    found: dict[DocumentKey, Group] = {}
    for each in items:
        found.setdefault(each.column.key, []).append(each)
    return found


def _discount(items: list[Item]) -> None:
    """A labour discount is computed once on the labour total of a contract, whoever pays; its
    percentage is the one in force on the work date."""
    wholes: dict[tuple[str, str, Decimal], list[int]] = {}
    for place, (column, *_rest) in enumerate(items):
        if column.kind is TransactionKind.TIME:
            key = (column.key.contract, column.key.currency, column.version.labour_discount_percent)
            wholes.setdefault(key, []).append(place)
    for (_contract, currency, percent), places in wholes.items():
        amounts = [items[place].charge.amount for place in places]
        parts = discounts(amounts, percent, minor_unit(currency))
        for place, part in zip(places, parts, strict=True):
            items[place] = items[place]._replace(discount=part)


def _retain(items: list[Item]) -> None:
    """A retention is rounded once per milestone, whoever pays, and shared out like the
    milestone."""
    wholes: dict[tuple[str, str], list[int]] = {}
    for place, (column, charge, *_rest) in enumerate(items):
        if isinstance(column.line, MilestonesLine):
            wholes.setdefault((column.key.contract, charge.price.work.id), []).append(place)
    for places in wholes.values():
        first, step = items[places[0]], minor_unit(items[places[0]].column.key.currency)
        amounts = [items[place].charge.amount for place in places]
        whole = sum(amounts, ZERO)
        kept = round_half_up(whole * _retained_percent(first) / 100, step)
        if kept:
            for place, part in zip(places, allocate(kept, amounts, step), strict=True):
                items[place] = items[place]._replace(retained=part)


def _retained_percent(item: Item) -> Decimal:
    line = item.column.line
    if not isinstance(line, MilestonesLine):
        raise AssertionError(f"line {line.line_id} has no milestones")
    return retention_percent(line, item.charge.price.work.id.removeprefix(f"{line.line_id}/"))


def _column(book: ContractBook, charge: Charge) -> Column:
    line, version = charge.line, charge.version
    kind = kind_of(charge.price.work, line)
    return Column(
        document_key(book, line, version, charge.customer),
        line,
        version,
        kind,
        tax_code(line, version, charge.customer, kind),
        credit_to(line, kind),
    )


def document_key(
    book: ContractBook, line: ContractLine, version: ContractVersion, customer: str
) -> DocumentKey:
    return DocumentKey(
        book.terms.id,
        book.terms.entity_of(line, version),
        customer,
        version.invoice_currency or version.currency,
    )


def drafts_of(group: Group, document: str) -> list[Draft]:
    """The transactions of one document."""
    found: list[Draft] = []
    for item in group:
        found.append(_draft(item, document, len(found) + 1))
        if item.retained:
            found.append(_retention(found[-1].transaction, item, len(found) + 1))
    return found


_service_period = lru_cache(maxsize=4_096)(period_of)


def _draft(item: Item, document: str, number: int) -> Draft:
    column, charge = item.column, item.charge
    price, version, key = charge.price, column.version, column.key
    work = price.work
    unrounded = charge.quantity * price.rate
    if version.invoice_rate is not None:
        unrounded *= version.invoice_rate
    transaction = Transaction(
        id=f"{document}#{number}",
        document=document,
        contract=key.contract,
        version=version.version,
        line_id=charge.line.line_id,
        entity=key.entity,
        customer=charge.customer,
        kind=column.kind,
        source=work.id,
        portion=price.portion,
        work_date=work.work_date,
        description=price.description,
        quantity=charge.quantity,
        rate=price.rate,
        rate_basis=price.basis,
        beaten=price.beaten,
        currency=key.currency,
        amount=charge.amount,
        discount=item.discount,
        net=charge.amount - item.discount,
        measure=charge.measure,
        rate_currency=version.currency,
        fx=version.invoice_rate,
        unrounded=unrounded,
        tax_code=column.tax_code,
        credit_to=column.credit_to,
        limits=tuple(
            [
                (limit.key, consumption(charge.quantity, charge.measure, limit))
                for limit in charge.limits
            ]
        )
        if charge.limits
        else (),
        service_period=_service_period(work.work_date),
    )
    return Draft(transaction, (work.person, work.task or price.description, work.role))


def kind_of(work: Work, line: ContractLine) -> TransactionKind:
    if work.kind is ChargeKind.FEE:
        return _FEE_KIND[line.method]
    if work.kind is ChargeKind.TIME:
        return TransactionKind.TIME
    is_agent = work.expense is not None and work.expense.disbursement
    return TransactionKind.DISBURSEMENT if is_agent else TransactionKind.EXPENSE


def credit_to(line: ContractLine, kind: TransactionKind) -> Account | None:
    """Where billing credits: the contract position, or revenue at once (`on_invoice`)."""
    if kind is TransactionKind.DISBURSEMENT:
        return Account.DISBURSEMENTS
    if kind in (TransactionKind.RETENTION, TransactionKind.RETENTION_RELEASE):
        return Account.RETENTION
    if line.revenue is not RevenueTiming.ON_INVOICE:
        return None
    is_expense = kind is TransactionKind.EXPENSE
    return Account.EXPENSE_REVENUE if is_expense else Account.SERVICE_REVENUE


def tax_code(
    line: ContractLine, version: ContractVersion, customer: str, kind: TransactionKind
) -> str:
    """Of a payer, else of the line, else of the contract; empty: the contract has no tax."""
    own = next((each.tax_code for each in version.payers if each.customer == customer), "")
    usual = own or line.tax_code or version.tax_code
    if kind is TransactionKind.DISBURSEMENT and usual:
        named = line.disbursement_tax_code if isinstance(line, ExpensesLine) else ""
        return named or AGENT
    late = isinstance(line, MilestonesLine) and line.retention_tax is RetentionTax.WITH_MILESTONE
    if late and usual and kind in (TransactionKind.RETENTION, TransactionKind.RETENTION_RELEASE):
        return UNTAXED
    return usual


def _retention(milestone: Transaction, item: Item, number: int) -> Draft:
    """The negative line below a milestone."""
    line, kept, percent = item.column.line, item.retained, _retained_percent(item)
    row = milestone._replace(
        id=f"{milestone.document}#{number}",
        kind=TransactionKind.RETENTION,
        description=f"retention {percent:f} % on {milestone.description}",
        quantity=Decimal(-1),
        rate=kept,
        rate_basis=f"retention {percent:f} %",
        amount=-kept,
        net=-kept,
        measure=-kept,
        unrounded=-milestone.amount * percent / 100,
        tax_code=tax_code(line, item.column.version, milestone.customer, TransactionKind.RETENTION),
        credit_to=Account.RETENTION,
        limits=(),
    )
    return Draft(row, ("", "", ""))
