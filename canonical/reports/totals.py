"""Totals of a report: per legal entity and currency, and of the group with its rounding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from canonical.base import Noun
from canonical.money import Currency
from canonical.reports.group import GroupCurrency
from canonical.reports.rows import ReportRow

ZERO = Decimal(0)


class Total(Noun):
    """Sums of rows, by the amounts' names."""

    legal_entity: str
    """Empty: the whole group."""
    label: str
    currency: Currency
    of_documents: bool = False
    """In the currency of invoices, whatever the ledger's is."""
    amounts: dict[str, Decimal]
    group: dict[str, Decimal] = {}
    """The sums of the rows' own translated amounts."""
    rounding: dict[str, Decimal] = {}
    """What they differ by from the sums translated as one."""


Key = tuple[str, str, str]
"""Legal entity, label, currency."""
Sums = dict[Key, dict[str, Decimal]]


@dataclass(slots=True)
class Totals:
    """Counts rows while they go by."""

    group: GroupCurrency | None = None
    _ledger: Sums = field(default_factory=dict)
    _documents: Sums = field(default_factory=dict)
    _group: Sums = field(default_factory=dict)

    def add(self, row: ReportRow) -> None:
        label = row.total_label
        key = (row.legal_entity, label, row.currency)
        _count(self._ledger, key, row.amounts())
        _count(self._group, key, row.group)
        _count(
            self._documents,
            (row.legal_entity, label, row.document_currency),
            row.document_amounts(),
        )

    def totals(self) -> list[Total]:
        """Per legal entity, label and currency: of the ledger, the group's, of documents."""
        ledger = [self._of_ledger(key) for key in sorted(self._ledger)]
        documents = [
            Total(
                legal_entity=key[0],
                label=key[1],
                currency=key[2],
                of_documents=True,
                amounts=self._documents[key],
            )
            for key in sorted(self._documents)
        ]
        return [*ledger, *self._of_group(ledger), *documents]

    def _of_ledger(self, key: Key) -> Total:
        amounts, translated = self._ledger[key], self._group.get(key, {})
        rounding: dict[str, Decimal] = {}
        if self.group is not None:
            at_once = self.group.all_translated(amounts, key[2])
            rounding = {name: translated[name] - at_once[name] for name in amounts}
        return Total(
            legal_entity=key[0],
            label=key[1],
            currency=key[2],
            amounts=amounts,
            group=translated,
            rounding=rounding,
        )

    def _of_group(self, found: list[Total]) -> list[Total]:
        if self.group is None:
            return []
        amounts: Sums = {}
        rounding: Sums = {}
        for each in found:
            key = ("", each.label, self.group.currency)
            _count(amounts, key, each.group)
            _count(rounding, key, each.rounding)
        return [
            Total(
                legal_entity="",
                label=key[1],
                currency=key[2],
                amounts=amounts[key],
                group=amounts[key],
                rounding=rounding[key],
            )
            for key in sorted(amounts)
        ]


def _count(sums: Sums, key: Key, amounts: Mapping[str, Decimal]) -> None:
    if amounts:
        counted = sums.setdefault(key, {})
        for name, amount in amounts.items():
            counted[name] = counted.get(name, ZERO) + amount


def translated(row: ReportRow, group: GroupCurrency | None) -> ReportRow:
    """The row with its amounts in the group's currency."""
    if group is None:
        return row
    amounts = group.all_translated(row.amounts(), row.currency)
    return row.model_copy(update={"group": amounts})
