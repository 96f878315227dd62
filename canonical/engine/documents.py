"""Documents: transactions gathered into lines, discounted, taxed, summed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.contract import ContractVersion, InvoiceGrouping
from canonical.engine.books import Books, Taken
from canonical.engine.rows import Document, DocumentLine, DocumentType, Transaction, TransactionKind
from canonical.invoice import LINES_MAX, TaxCategory
from canonical.ledger.entity import EntityTerms
from canonical.money import allocate, minor_unit
from canonical.rules.labour_discount import discounts
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


class Draft(NamedTuple):
    """A transaction before it knows its document, and what its line may gather."""

    transaction: Transaction
    labels: tuple[str, str, str]
    """Person, task, role."""


def draw_up(heading: Heading, drafts: Sequence[Draft]) -> tuple[Document, list[Transaction]]:
    """The document and its transactions, with discounts and nets."""
    currency = drafts[0].transaction.currency
    step = minor_unit(currency)
    discounted = _discounted(heading, drafts, step)
    groups = _grouped(heading.version, discounted)
    tax_keys = _tax_keys(heading, discounted)
    keys = [tax_keys[group[0].transaction.tax_code] for group in groups]
    prices = [sum((each.transaction.net for each in group), ZERO) for group in groups]
    taxed = tax_document(
        [PricedLine(price, key) for price, key in zip(prices, keys, strict=True)],
        heading.version.tax_mode,
        heading.version.tax_inclusive,
        step,
    )
    transactions: list[Transaction] = []
    lines: list[DocumentLine] = []
    for number, (group, price, net) in enumerate(
        zip(groups, prices, taxed.nets, strict=True), start=1
    ):
        members = _with_nets([each.transaction for each in group], price, net, step)
        transactions += members
        lines.append(_line(number, members, price, net))
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
    )
    return document, transactions


def _discounted(heading: Heading, drafts: Sequence[Draft], step: Decimal) -> list[Draft]:
    """The labour discount, once on the labour total of the document (F11)."""
    percent = heading.version.labour_discount_percent
    if not percent:
        return list(drafts)
    labour = [
        each.transaction.amount if each.transaction.kind is TransactionKind.TIME else ZERO
        for each in drafts
    ]
    return [
        draft._replace(
            transaction=draft.transaction._replace(
                discount=discount, net=draft.transaction.net - discount
            )
        )
        for draft, discount in zip(drafts, discounts(labour, percent, step), strict=True)
    ]


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


def _grouped(version: ContractVersion, drafts: Sequence[Draft]) -> list[list[Draft]]:
    """Lines by the contract's policy, coarser above the limit; rate and tax always separate."""
    grouping = version.grouping
    groups = _groups(drafts, grouping)
    while len(groups) > LINES_MAX and grouping is not _ORDER[-1]:
        grouping = _ORDER[_ORDER.index(grouping) + 1]
        groups = _groups(drafts, grouping)
    return sorted(groups, key=lambda group: _PLACE.get(group[0].transaction.kind, 0))


def _groups(drafts: Sequence[Draft], grouping: InvoiceGrouping) -> list[list[Draft]]:
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
            key = (row.kind, label(draft), rated, row.tax_code, row.line_id)
        groups.setdefault(key, []).append(draft)
    return list(groups.values())


def _line(
    number: int, members: Sequence[Transaction], price: Decimal, net: Decimal
) -> DocumentLine:
    return DocumentLine(
        line_no=number,
        description=members[0].description,
        quantity=sum((each.quantity for each in members), ZERO),
        price=price,
        net=net,
        tax_code=members[0].tax_code,
        transactions=tuple(each.id for each in members),
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


def _tax_keys(heading: Heading, drafts: Sequence[Draft]) -> dict[str, TaxKey | None]:
    """The tax row of each tax code on the document."""
    found: dict[str, TaxKey | None] = {}
    for draft in drafts:
        if draft.transaction.tax_code not in found:
            found[draft.transaction.tax_code] = _tax_key(heading, draft.transaction, drafts)
    return found


def _tax_key(heading: Heading, transaction: Transaction, drafts: Sequence[Draft]) -> TaxKey | None:
    """The tax row of a line; None only where the contract has no tax at all."""
    if not transaction.tax_code:
        return None
    if transaction.tax_code == AGENT:
        return _agent_key(drafts)
    if transaction.tax_code == UNTAXED:
        return TaxKey(UNTAXED, "", TaxCategory.OUTSIDE_SCOPE, ZERO, "taxed on another document")
    day = tax_day(heading, drafts)
    tax = heading.entity.tax_on(transaction.tax_code, day, transaction.line_id)
    return TaxKey(tax.code, tax.jurisdiction, tax.category, tax.rate, tax.reason)


def _agent_key(drafts: Sequence[Draft]) -> TaxKey:
    """Exempt (E) on a mixed document, outside scope (O) only on one of its own (EN 16931
    BR-O-11)."""
    own = all(draft.transaction.tax_code == AGENT for draft in drafts)
    category = TaxCategory.OUTSIDE_SCOPE if own else TaxCategory.EXEMPT
    return TaxKey(AGENT, "", category, ZERO, "disbursement paid as the customer's agent")


def tax_day(heading: Heading, drafts: Sequence[Draft]) -> date:
    """The tax point, by the contract's policy (convention 7)."""
    if heading.version.tax_point in (TaxPoint.INVOICE, TaxPoint.PAYMENT):
        return heading.on
    return max(draft.transaction.work_date for draft in drafts)


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
    for key, used in transaction.limits:
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
