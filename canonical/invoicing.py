"""Invoicing: a document of the engine as the invoice that people and the ERP get."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from canonical.billing import BillingRun
from canonical.contract import ContractVersion, InvoiceGrouping
from canonical.engine.rows import Document, DocumentLine, Transaction, TransactionKind
from canonical.ids import ClientId, ContractId, InvoiceId, invoice_id, transaction_id
from canonical.invoice import (
    DESCRIPTION_CHARACTERS_MAX,
    Invoice,
    InvoiceLine,
    InvoiceType,
    TaxRow,
)
from canonical.money import Money

_DETAIL_CHARACTERS = 200
"""Room in a description for hours, rate, currency and dates."""


class EntryWords(NamedTuple):
    """What an invoice says of an entry, in the words of the system that recorded it."""

    item_id: str
    version: int
    """Our revision of the item."""
    source: str
    external_id: str
    person: str = ""
    person_name: str = ""
    role: str = ""
    task: str = ""
    description: str = ""
    approved_by: str = ""
    approved_at: datetime | None = None


Words = Mapping[str, EntryWords]
NOTHING = EntryWords("", 0, "", "")


def invoice_of(
    document: Document,
    rows: Mapping[str, Transaction],
    run: BillingRun,
    version: ContractVersion,
    project_code: str,
    words: Words,
    *,
    sequence: int = 1,
    credits: InvoiceId | None = None,
) -> Invoice:
    """The invoice of a document; `rows` holds its transactions by id, `words` says who did what."""
    currency = document.currency
    return Invoice(
        id=invoice_id(
            ClientId(document.customer), run.engagement_id, run.period, run.run, sequence
        ),
        key=document.id,
        type=InvoiceType(document.type.value),
        engagement_id=run.engagement_id,
        contract_id=ContractId(document.contract),
        legal_entity=document.entity,
        bill_to=ClientId(document.customer),
        project_code=project_code,
        currency=currency,
        period=run.period,
        run=run.run,
        sequence=sequence,
        service_from=document.service_from,
        service_to=document.service_to,
        purchase_order=version.purchase_order,
        net_days=version.net_days,
        tax_mode=document.tax_mode,
        tax_inclusive=document.tax_inclusive,
        credits=credits,
        lines=tuple(
            _line(line, [rows[each] for each in line.transactions], currency, version, words)
            for line in document.lines
        ),
        taxes=_tax_rows(document),
        discount=Money(amount=document.discount, currency=currency),
        net=Money(amount=document.net, currency=currency),
        tax=Money(amount=document.tax, currency=currency),
        gross=Money(amount=document.gross, currency=currency),
        paid=Money.zero(currency),
    )


def _tax_rows(document: Document) -> tuple[TaxRow, ...]:
    return tuple(
        TaxRow(
            tax_code=row.key.code,
            category=row.key.category,
            rate=row.key.rate,
            base=Money(amount=row.base, currency=document.currency),
            amount=Money(amount=row.amount, currency=document.currency),
            reason=row.key.reason,
        )
        for row in document.taxes
    )


def _line(
    line: DocumentLine,
    members: Sequence[Transaction],
    currency: str,
    version: ContractVersion,
    words: Words,
) -> InvoiceLine:
    return InvoiceLine(
        line_no=line.line_no,
        kind=members[0].kind.value,
        description=_describe(line, members, currency, version.grouping, words),
        net=Money(amount=line.net, currency=currency),
        tax_code=line.tax_code,
        taxed_on=line.taxed_on,
        quantity=line.quantity,
        transaction_ids=tuple(
            transaction_id(ContractId(each.contract), each.id) for each in members
        ),
    )


def _describe(
    line: DocumentLine,
    members: Sequence[Transaction],
    currency: str,
    grouping: InvoiceGrouping,
    words: Words,
) -> str:
    first = members[0]
    if first.kind is TransactionKind.TIME:
        hours, rate = line.quantity.normalize(), first.rate.normalize()
        rated = f"{hours:f} h at {rate:f} {first.rate_currency}"
        premium = f" ({first.rate_basis.rpartition(' ')[2]})" if " x" in first.rate_basis else ""
        return f"{_label(members, grouping, words)}, {rated}{premium}, {_span(members)}"
    if first.kind is TransactionKind.EXPENSE:
        return f"Expenses: {_label(members, grouping, words) or 'other'}, {_span(members)}"
    if first.kind is TransactionKind.DISBURSEMENT:
        return f"Disbursements: {_label(members, grouping, words) or 'other'}, {_span(members)}"
    return _cut(first.description or first.source)


_COARSER: dict[InvoiceGrouping, InvoiceGrouping | None] = {
    InvoiceGrouping.ENTRY: InvoiceGrouping.DAY,
    InvoiceGrouping.DAY: InvoiceGrouping.TASK,
    InvoiceGrouping.TASK: InvoiceGrouping.PERSON,
    InvoiceGrouping.PERSON: InvoiceGrouping.ROLE,
    InvoiceGrouping.ROLE: None,
}

Label = Callable[[Transaction, EntryWords], str]
_LABEL: dict[InvoiceGrouping, Label] = {
    InvoiceGrouping.ENTRY: lambda row, said: (
        f"{row.work_date} {said.person_name or said.person} {said.external_id}"
    ),
    InvoiceGrouping.DAY: lambda row, said: f"{row.work_date}",
    InvoiceGrouping.TASK: lambda row, said: said.task or said.role or row.description,
    InvoiceGrouping.PERSON: lambda row, said: said.person_name or said.person,
    InvoiceGrouping.ROLE: lambda row, said: said.role or said.task or row.description,
}


def _label(members: Sequence[Transaction], grouping: InvoiceGrouping, words: Words) -> str:
    """What the members have in common, by the contract's grouping or a coarser one."""
    wanted: InvoiceGrouping | None = grouping
    while wanted is not None:
        labels = {_LABEL[wanted](each, words.get(each.source, NOTHING)) for each in members}
        if len(labels) == 1:
            return _cut(labels.pop())
        wanted = _COARSER[wanted]
    return _cut(members[0].description)


def _cut(label: str) -> str:
    """A task's name has no limit, a line's description has."""
    return label[: DESCRIPTION_CHARACTERS_MAX - _DETAIL_CHARACTERS]


def _span(members: Sequence[Transaction]) -> str:
    days: list[date] = [member.work_date for member in members]
    first, last = min(days), max(days)
    return f"{first}" if first == last else f"{first} to {last}"
