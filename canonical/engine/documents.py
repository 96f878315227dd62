"""Documents: transactions gathered into lines, discounted, taxed, summed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.contract import ContractVersion, InvoiceGrouping
from canonical.engine.books import Books, Taken
from canonical.engine.counting import used_of
from canonical.engine.rows import Document, DocumentLine, DocumentType, Transaction, TransactionKind
from canonical.invoice import LINES_MAX, TaxCategory
from canonical.ledger.entity import EntityTerms
from canonical.money import allocate, minor_unit
from canonical.rules.tax import PricedLine, TaxKey, tax_document
from canonical.terms.policies import TaxPoint

ZERO = Decimal(0)
AGENT = "(disbursement)"
"""The tax code of what is paid as agent, when the contract names none."""
UNTAXED = "(with another document)"
"""Of lines whose tax falls due with another document."""


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


class Draft(NamedTuple):
    """A transaction before it knows its document, and what its line may gather."""

    transaction: Transaction
    labels: tuple[str, str, str]
    """Person, task, role."""


def draw_up(heading: Heading, drafts: Sequence[Draft]) -> tuple[Document, list[Transaction]]:
    """The document and its transactions, with their nets."""
    currency = drafts[0].transaction.currency
    step = minor_unit(currency)
    taxes = _tax_points(heading, drafts)
    groups = _grouped(heading.version, drafts, taxes)
    keys = [taxes.of(group[0].transaction) for group in groups]
    prices = [sum((each.transaction.net for each in group), ZERO) for group in groups]
    taxed = tax_document(
        [PricedLine(price, key) for price, key in zip(prices, keys, strict=True)],
        heading.version.tax_mode,
        heading.version.tax_inclusive,
        step,
    )
    transactions: list[Transaction] = []
    lines: list[DocumentLine] = []
    for group, key, price, net in zip(groups, keys, prices, taxed.nets, strict=True):
        members = _with_nets([each.transaction for each in group], price, net, step)
        transactions += members
        taxed_on = max(taxes.day(each) for each in members)
        lines.append(_line(len(lines) + 1, members, price, net, key, taxed_on))
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
        discount=sum((each.discount for each in transactions), ZERO),
        tax_mode=heading.version.tax_mode,
        tax_inclusive=heading.version.tax_inclusive,
        posted=False,
        rebills=heading.rebills,
        taxed_on=heading.taxed_on or heading.on,
    )
    return document, transactions


_LABEL: dict[InvoiceGrouping, Callable[[Draft], str]] = {
    InvoiceGrouping.DAY: lambda draft: str(draft.transaction.work_date),
    InvoiceGrouping.TASK: lambda draft: draft.labels[1] or draft.labels[2],
    InvoiceGrouping.PERSON: lambda draft: draft.labels[0],
    InvoiceGrouping.ROLE: lambda draft: draft.labels[2] or draft.labels[1],
}
_ORDER = tuple(InvoiceGrouping)
_PLACE = {TransactionKind.EXPENSE: 1, TransactionKind.DISBURSEMENT: 2}
"""What is passed on stands below the firm's own work."""
_ALONE = (
    TransactionKind.RETAINER,
    TransactionKind.SCHEDULE,
    TransactionKind.MILESTONE,
    TransactionKind.RETENTION,
    TransactionKind.RETENTION_RELEASE,
)


def _grouped(
    version: ContractVersion, drafts: Sequence[Draft], taxes: TaxPoints
) -> list[list[Draft]]:
    """Lines by the contract's policy, coarser above the limit; rate and tax always separate."""
    grouping = version.grouping
    groups = _groups(drafts, grouping, taxes)
    while len(groups) > LINES_MAX and grouping is not _ORDER[-1]:
        grouping = _ORDER[_ORDER.index(grouping) + 1]
        groups = _groups(drafts, grouping, taxes)
    return sorted(groups, key=lambda group: _PLACE.get(group[0].transaction.kind, 0))


def _groups(
    drafts: Sequence[Draft], grouping: InvoiceGrouping, taxes: TaxPoints
) -> list[list[Draft]]:
    if grouping is InvoiceGrouping.ENTRY:
        return [[draft] for draft in drafts]
    label = _LABEL[grouping]
    groups: dict[object, list[Draft]] = {}
    for number, draft in enumerate(drafts):
        row = draft.transaction
        key: object = number
        if row.kind not in _ALONE:
            # an expense's rate is its own price: one rate per line would be one line per expense
            rated = (row.rate, row.rate_basis) if row.kind is TransactionKind.TIME else ()
            key = (row.kind, label(draft), rated, taxes.rate(row), row.line_id)
        groups.setdefault(key, []).append(draft)
    return list(groups.values())


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
        quantity=sum((each.quantity for each in members), ZERO),
        price=price,
        net=net,
        tax_code=members[0].tax_code,
        transactions=tuple(each.id for each in members),
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


class TaxPoints(NamedTuple):
    """Which tax row holds for each transaction of a document (convention 7)."""

    fixed: date | None
    """The tax point of all, by the contract's policy; None: each has the day of its service."""
    keys: dict[tuple[str, date], TaxKey | None]

    def day(self, row: Transaction) -> date:
        return self.fixed or row.work_date

    def of(self, row: Transaction) -> TaxKey | None:
        """None only where the contract has no tax at all."""
        return self.keys[row.tax_code, self.fixed or row.work_date]

    def rate(self, row: Transaction) -> tuple[str, Decimal]:
        key = self.of(row)
        return row.tax_code, ZERO if key is None else key.rate


def _tax_points(heading: Heading, drafts: Sequence[Draft]) -> TaxPoints:
    """Work of before a change of a rate keeps the old one, also on a later document."""
    follows_invoice = heading.version.tax_point in (TaxPoint.INVOICE, TaxPoint.PAYMENT)
    fixed = (heading.taxed_on or heading.on) if follows_invoice else None
    lines = {
        (draft.transaction.tax_code, fixed or draft.transaction.work_date): (
            draft.transaction.line_id
        )
        for draft in drafts
    }
    keys = {
        (code, day): _tax_key(heading.entity, code, day, line_id)
        for (code, day), line_id in lines.items()
    }
    of_services = [key for key in keys.values() if key is not None and key.code not in _NO_TAX]
    if any(key.category is not TaxCategory.OUTSIDE_SCOPE for key in of_services):
        exempt = TaxCategory.EXEMPT
        keys |= {
            place: key._replace(category=exempt)
            for place, key in keys.items()
            if key is not None and key.code in _NO_TAX
        }
    return TaxPoints(fixed, keys)


_NO_TAX = {
    AGENT: "disbursement paid as the customer's agent",
    UNTAXED: "taxed on another document",
}
"""Outside scope (O) on a document of their own, exempt (E) on a mixed one (EN 16931 BR-O-11)."""


def _tax_key(entity: EntityTerms, code: str, day: date, line_id: str) -> TaxKey | None:
    if not code:
        return None
    if code in _NO_TAX:
        return TaxKey(code, "", TaxCategory.OUTSIDE_SCOPE, ZERO, _NO_TAX[code])
    tax = entity.tax_on(code, day, line_id)
    return TaxKey(tax.code, tax.jurisdiction, tax.category, tax.rate, tax.reason)


def store(books: Books, document: Document, transactions: Sequence[Transaction]) -> None:
    """Keep a document and its transactions; an invoice's credits are found with it."""
    books.documents[document.id] = document
    of_document = books.of_document.setdefault(document.credits or document.id, [])
    for transaction in transactions:
        books.transactions[transaction.id] = transaction
        of_document.append(transaction.id)
        register(books, transaction, 1)


def register(books: Books, transaction: Transaction, sign: int) -> None:
    """Count a transaction: what it takes of its entry, and of the limits."""
    for key, used in used_of(books, transaction):
        books.consumed[key] = books.consumed.get(key, ZERO) + sign * used
    if transaction.concession or transaction.kind in _NOT_TAKEN:
        return
    book = books.contracts[transaction.contract]
    progress = book.progress_of(transaction.source)
    progress.billed_net += sign * transaction.net
    taken = progress.taken.get((transaction.portion, transaction.customer))
    if taken is None:
        taken = progress.taken[(transaction.portion, transaction.customer)] = Taken()
    taken.quantity += sign * transaction.quantity
    taken.amount += sign * transaction.amount
    taken.measure += sign * transaction.measure


_NOT_TAKEN = (
    TransactionKind.RETENTION,
    TransactionKind.RETENTION_RELEASE,
    TransactionKind.DISCOUNT,
)
