"""Invoicing: billing transactions gathered into lines by the contract's policy, with taxes and
totals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal

from canonical.billing import BillingRun, BillingTransaction
from canonical.contract import ContractVersion, InvoiceGrouping
from canonical.ids import invoice_id
from canonical.invoice import DESCRIPTION_CHARACTERS_MAX, LINES_MAX, Invoice, InvoiceLine
from canonical.landscape import LegalEntity
from canonical.money import Money, total
from canonical.taxation import tax_rows

GroupKey = tuple[str, str, str, str]

_DETAIL_CHARACTERS = 200
"""Room in a description for hours, rate, currency and dates."""

_COARSER: dict[InvoiceGrouping, InvoiceGrouping | None] = {
    InvoiceGrouping.ENTRY: InvoiceGrouping.DAY,
    InvoiceGrouping.DAY: InvoiceGrouping.TASK,
    InvoiceGrouping.TASK: InvoiceGrouping.PERSON,
    InvoiceGrouping.PERSON: InvoiceGrouping.ROLE,
    InvoiceGrouping.ROLE: None,
}

_LABEL: dict[InvoiceGrouping, Callable[[BillingTransaction], str]] = {
    InvoiceGrouping.ENTRY: lambda t: f"{t.work_date} {t.person_name or t.person} {t.external_id}",
    InvoiceGrouping.DAY: lambda t: f"{t.work_date}",
    InvoiceGrouping.TASK: lambda t: t.task or t.role,
    InvoiceGrouping.PERSON: lambda t: t.person_name or t.person,
    InvoiceGrouping.ROLE: lambda t: t.role or t.task,
}


def build_invoice(
    run: BillingRun,
    version: ContractVersion,
    entity: LegalEntity,
    project_code: str,
    transactions: Sequence[BillingTransaction],
    *,
    sequence: int = 1,
) -> Invoice:
    """The draft of one invoice from the transactions of a run; they must not be empty."""
    lines = invoice_lines(transactions, version.grouping)
    service_from = min(transaction.work_date for transaction in transactions)
    service_to = max(transaction.work_date for transaction in transactions)
    rows = tax_rows(entity, lines, service_to, version.tax_mode)
    net = total((line.net for line in lines), version.currency)
    tax = total((row.amount for row in rows), version.currency)
    return Invoice(
        id=invoice_id(version.bill_to, run.engagement_id, run.period, run.run, sequence),
        key=f"{project_code}-{run.period}-{run.run}-{sequence}",
        engagement_id=run.engagement_id,
        legal_entity=entity.code,
        bill_to=version.bill_to,
        project_code=project_code,
        currency=version.currency,
        period=run.period,
        run=run.run,
        sequence=sequence,
        service_from=service_from,
        service_to=service_to,
        purchase_order=version.purchase_order,
        net_days=version.net_days,
        tax_mode=version.tax_mode,
        lines=lines,
        taxes=rows,
        net=net,
        tax=tax,
        gross=net + tax,
        paid=Money.zero(version.currency),
    )


def invoice_lines(
    transactions: Sequence[BillingTransaction], grouping: InvoiceGrouping, limit: int = LINES_MAX
) -> tuple[InvoiceLine, ...]:
    """Lines whose net is the sum of their transactions' rounded amounts; coarser when over the
    limit.

    Rate and tax code always separate lines, so that each line can be explained by one rate.
    """
    groups = _groups(transactions, grouping)
    while len(groups) > limit and (coarser := _COARSER[grouping]) is not None:
        grouping = coarser
        groups = _groups(transactions, grouping)
    return tuple(
        _line(number, key, members)
        for number, (key, members) in enumerate(sorted(groups.items()), start=1)
    )


def _groups(
    transactions: Sequence[BillingTransaction], grouping: InvoiceGrouping
) -> dict[GroupKey, list[BillingTransaction]]:
    groups: dict[GroupKey, list[BillingTransaction]] = {}
    for transaction in transactions:
        label = _LABEL[grouping](transaction)
        rate = f"{transaction.rate:.4f}" if transaction.kind == "time" else ""
        kind_first = "1" if transaction.kind == "time" else "2"
        key = (kind_first, label, rate, transaction.tax_code)
        groups.setdefault(key, []).append(transaction)
    return groups


def _line(number: int, key: GroupKey, members: list[BillingTransaction]) -> InvoiceLine:
    currency = members[0].amount.currency
    return InvoiceLine(
        line_no=number,
        kind=members[0].kind,
        description=_describe(key, members),
        net=total((member.amount for member in members), currency),
        tax_code=members[0].tax_code,
        quantity=sum((member.quantity for member in members), Decimal(0)),
        transaction_ids=tuple(member.id for member in members),
    )


def _describe(key: GroupKey, members: list[BillingTransaction]) -> str:
    first, last = _span(members)
    span = f"{first}" if first == last else f"{first} to {last}"
    if members[0].kind == "expense":
        return f"Expenses: {_label(key) or 'other'}, {span}"
    hours = sum((member.quantity for member in members), Decimal(0)).normalize()
    rate = members[0].rate.normalize()
    return f"{_label(key)}, {hours:f} h at {rate:f} {members[0].amount.currency}, {span}"


def _label(key: GroupKey) -> str:
    """A task's name has no limit, a line's description has."""
    return key[1][: DESCRIPTION_CHARACTERS_MAX - _DETAIL_CHARACTERS]


def _span(members: list[BillingTransaction]) -> tuple[date, date]:
    days = [member.work_date for member in members]
    return min(days), max(days)
