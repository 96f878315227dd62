"""Grouping: which transactions of a document stand together on one line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from canonical.contract import InvoiceGrouping
from canonical.engine.rows import Transaction, TransactionKind
from canonical.engine.tax_points import TaxPoints
from canonical.invoice import LINES_MAX
from canonical.rules.pricing import Work


class Draft(NamedTuple):
    """A transaction before it knows its line, and the work that it bills."""

    transaction: Transaction
    work: Work | None
    """None: it stands alone."""


def _task(row: Transaction, work: Work) -> str:
    return work.task or row.description or work.role


def _role(row: Transaction, work: Work) -> str:
    return work.role or work.task or row.description


_LABEL: dict[InvoiceGrouping, Callable[[Transaction, Work], str]] = {
    InvoiceGrouping.DAY: lambda row, _work: str(row.work_date),
    InvoiceGrouping.TASK: _task,
    InvoiceGrouping.PERSON: lambda _row, work: work.person,
    InvoiceGrouping.ROLE: _role,
}
_ORDER = tuple(InvoiceGrouping)
_PLACE = {TransactionKind.EXPENSE: 1, TransactionKind.DISBURSEMENT: 2}
"""What is passed on stands below the firm's own work."""


def grouped(
    grouping: InvoiceGrouping, drafts: Sequence[Draft], taxes: TaxPoints
) -> list[list[Transaction]]:
    """Lines by the contract's policy, coarser above the limit; rate and tax always separate."""
    groups = _groups(drafts, grouping, taxes)
    while len(groups) > LINES_MAX and grouping is not _ORDER[-1]:
        grouping = _ORDER[_ORDER.index(grouping) + 1]
        groups = _groups(drafts, grouping, taxes)
    return sorted(groups, key=lambda group: _PLACE.get(group[0].kind, 0))


def _groups(
    drafts: Sequence[Draft], grouping: InvoiceGrouping, taxes: TaxPoints
) -> list[list[Transaction]]:
    if grouping is InvoiceGrouping.ENTRY:
        return [[draft.transaction] for draft in drafts]
    label, time = _LABEL[grouping], TransactionKind.TIME
    groups: dict[object, list[Transaction]] = {}
    for number, (row, work) in enumerate(drafts):
        key: object = number
        if work is not None:
            # an expense's rate is its own price: one rate per line would be one line per expense
            rated = (row.rate, row.rate_basis) if row.kind is time else ()
            taxed = row.tax_code, taxes.rate(row)
            key = (row.kind, label(row, work), rated, taxed, row.line_id)
        groups.setdefault(key, []).append(row)
    return list(groups.values())
