"""Documents: transactions gathered into lines, discounted, taxed, summed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.contract import ContractVersion
from canonical.engine.books import Books
from canonical.engine.counting import used_of
from canonical.engine.grouping import Draft, grouped
from canonical.engine.rows import (
    Document,
    DocumentLine,
    DocumentType,
    Transaction,
    TransactionKind,
)
from canonical.engine.tax_points import tax_points
from canonical.ledger.entity import EntityTerms
from canonical.money import allocate, minor_unit
from canonical.rules.tax import PricedLine, TaxKey, tax_document

ZERO = Decimal(0)


class Heading(NamedTuple):
    """What a new document says above its lines."""

    id: str
    entity: EntityTerms
    customer: str
    version: ContractVersion
    on: date
    through: date
    rebills: str = ""
    taxed_on: date | None = None
    """Where tax follows the invoice: the day of the one that is billed again; empty: its own."""


def draw_up(heading: Heading, drafts: Sequence[Draft]) -> tuple[Document, list[Transaction]]:
    """The document and its transactions, with their nets."""
    currency = drafts[0].transaction.currency
    step = minor_unit(currency)
    taxed_on = heading.taxed_on or heading.on
    rows = [draft.transaction for draft in drafts]
    taxes = tax_points(heading.entity, heading.version, taxed_on, rows)
    groups = grouped(heading.version.grouping, drafts, taxes)
    keys = [taxes.of(group[0]) for group in groups]
    prices = [sum([row.net for row in group], ZERO) for group in groups]
    taxed = tax_document(
        [PricedLine(price, key) for price, key in zip(prices, keys, strict=True)],
        heading.version.tax_mode,
        heading.version.tax_inclusive,
        step,
    )
    transactions: list[Transaction] = []
    lines: list[DocumentLine] = []
    for group, key, price, net in zip(groups, keys, prices, taxed.nets, strict=True):
        members = _with_nets(group, price, net, step)
        transactions += members
        day = max([taxes.day(each) for each in members])
        lines.append(_line(len(lines) + 1, members, price, net, key, day))
    net_total = sum(taxed.nets, ZERO)
    tax_total = sum((row.amount for row in taxed.rows), ZERO)
    days = [each.work_date for each in transactions]
    document = Document(
        id=heading.id,
        type=DocumentType.INVOICE,
        contract=heading.version.contract_id,
        entity=heading.entity.code,
        customer=heading.customer,
        currency=currency,
        on=heading.on,
        through=heading.through,
        service_from=min(days),
        service_to=max(days),
        lines=tuple(lines),
        taxes=taxed.rows,
        net=net_total,
        tax=tax_total,
        gross=net_total + tax_total,
        discount=sum([each.discount for each in transactions], ZERO),
        tax_mode=heading.version.tax_mode,
        tax_inclusive=heading.version.tax_inclusive,
        posted=False,
        rebills=heading.rebills,
        taxed_on=taxed_on,
    )
    return document, transactions


def _line(
    number: int,
    members: Sequence[Transaction],
    price: Decimal,
    net: Decimal,
    tax: TaxKey | None,
    taxed_on: date,
) -> DocumentLine:
    return DocumentLine(
        line_no=number,
        description=members[0].description,
        quantity=sum([each.quantity for each in members], ZERO),
        price=price,
        net=net,
        tax_code=members[0].tax_code,
        transactions=tuple([each.id for each in members]),
        tax=tax,
        taxed_on=taxed_on,
    )


def _with_nets(
    members: list[Transaction], price: Decimal, net: Decimal, step: Decimal
) -> list[Transaction]:
    """The line's net given to its transactions; they differ only where prices hold the tax."""
    if price == net:
        return members
    if len(members) == 1:
        return [members[0]._replace(net=net)]
    nets = allocate(net, [each.net for each in members], step)
    return [each._replace(net=part) for each, part in zip(members, nets, strict=True)]


def store(books: Books, document: Document, transactions: Sequence[Transaction]) -> None:
    """Keep a document and its transactions; an invoice's credits are found with it."""
    books.documents[document.id] = document
    of_document = books.of_document.setdefault(document.credits or document.id, [])
    of_document += [each.id for each in transactions]
    books.transactions.update({each.id: each for each in transactions})
    register(books, transactions)


def register(books: Books, transactions: Iterable[Transaction]) -> None:
    """Count transactions: what they take of their entries, and of the limits."""
    for row in transactions:
        for key, used in used_of(books, row):
            books.consumed[key] = books.consumed.get(key, ZERO) + used
        if row.concession or row.kind in _NOT_TAKEN:
            continue
        progress = books.contracts[row.contract].progress_of(row.source)
        progress.billed_net += row.net
        progress.take(row.portion, row.customer, row.quantity, row.amount, row.measure)


def withdraw(books: Books, row: Transaction) -> None:
    """A transaction that is not issued: its entry and its limits have back what it took."""
    given_back = row._replace(
        quantity=-row.quantity,
        amount=-row.amount,
        net=-row.net,
        measure=-row.measure,
        limits=tuple((key, -used) for key, used in used_of(books, row)),
    )
    books.counted.pop(row.id, None)
    register(books, [given_back])


_NOT_TAKEN = frozenset(
    (TransactionKind.RETENTION, TransactionKind.RETENTION_RELEASE, TransactionKind.DISCOUNT)
)
