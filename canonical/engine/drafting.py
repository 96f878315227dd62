"""Drafting: charges become transactions, one set per billing entity, customer and currency."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from canonical.engine.columns import tax_code
from canonical.engine.grouping import Draft
from canonical.engine.rows import Charge, DocumentKey, Transaction, TransactionKind
from canonical.ledger.accounts import Account
from canonical.money import allocate, minor_unit, round_half_up
from canonical.periods import period_of
from canonical.rules.caps import consumption
from canonical.rules.labour_discount import discounts
from canonical.rules.milestones import retention_percent
from canonical.terms.lines import MilestonesLine
from canonical.terms.policies import ChargeKind

ZERO = Decimal(0)
_FEE = ChargeKind.FEE


class Item(NamedTuple):
    """A charge with its part of what is computed once on a whole."""

    charge: Charge
    discount: Decimal = ZERO
    retained: Decimal = ZERO


def by_document(charges: Iterable[Charge]) -> dict[DocumentKey, list[Item]]:
    """Charges by the document they go on, fees before work."""
    items = [Item(charge) for charge in sorted(charges, key=_is_work)]
    columns = {id(item.charge.column): item.charge.column for item in items}
    if any(column.version.labour_discount_percent for column in columns.values()):
        _discount(items)
    if any(isinstance(column.line, MilestonesLine) for column in columns.values()):
        _retain(items)
    documents: dict[DocumentKey, list[Item]] = {}
    of_column: dict[int, list[Item]] = {}
    for item in items:
        column = item.charge.column
        mine = of_column.get(id(column))
        if mine is None:
            mine = of_column[id(column)] = documents.setdefault(column.key, [])
        mine.append(item)
    return documents


def _is_work(charge: Charge) -> bool:
    return charge.price.work.kind is not _FEE


def _discount(items: list[Item]) -> None:
    """A labour discount is computed once on the labour total of a contract, whoever pays; its
    percentage is the one in force on the work date."""
    wholes: dict[tuple[str, str, Decimal], list[int]] = {}
    for place, (charge, *_rest) in enumerate(items):
        column = charge.column
        if column.words.kind is TransactionKind.TIME:
            key = (column.key.contract, column.key.currency, column.version.labour_discount_percent)
            wholes.setdefault(key, []).append(place)
    for (_contract, currency, percent), places in wholes.items():
        amounts = [items[place].charge.amount for place in places]
        parts = discounts(amounts, percent, minor_unit(currency))
        for place, part in zip(places, parts, strict=True):
            items[place] = Item(items[place].charge, part)


def _retain(items: list[Item]) -> None:
    """A retention is rounded once per milestone, whoever pays, and shared out like the
    milestone."""
    wholes: dict[tuple[str, str], list[int]] = {}
    for place, (charge, *_rest) in enumerate(items):
        if isinstance(charge.column.line, MilestonesLine):
            key = (charge.column.key.contract, charge.price.work.id)
            wholes.setdefault(key, []).append(place)
    for places in wholes.values():
        first = items[places[0]].charge
        step = minor_unit(first.column.key.currency)
        amounts = [items[place].charge.amount for place in places]
        kept = round_half_up(sum(amounts, ZERO) * _retained_percent(first) / 100, step)
        if kept:
            for place, part in zip(places, allocate(kept, amounts, step), strict=True):
                items[place] = items[place]._replace(retained=part)


def _retained_percent(charge: Charge) -> Decimal:
    line = charge.column.line
    if not isinstance(line, MilestonesLine):
        raise AssertionError(f"line {line.line_id} has no milestones")
    return retention_percent(line, charge.price.work.id.removeprefix(f"{line.line_id}/"))


def drafts_of(items: Iterable[Item], document: str) -> list[Draft]:
    """The transactions of one document."""
    found: list[Draft] = []
    for item in items:
        found.append(_draft(item, document, len(found) + 1))
        if item.retained:
            found.append(_retention(found[-1].transaction, item, len(found) + 1))
    return found


def _draft(item: Item, document: str, number: int) -> Draft:
    charge, discount, _ = item
    price, amount = charge.price, charge.amount
    work, words = price.work, charge.column.words
    unrounded = charge.quantity * price.tariff.rate
    if words.fx is not None:
        unrounded *= words.fx
    limits: tuple[tuple[str, Decimal], ...] = ()
    if charge.limits:
        limits = _consumed(charge)
    transaction = Transaction(
        f"{document}#{number}",
        document,
        *words,
        work.id,
        price.portion,
        work.work_date,
        period_of(work.work_date),
        *price.tariff,
        charge.quantity,
        amount,
        discount,
        amount - discount if discount else amount,
        charge.measure,
        unrounded,
        limits,
    )
    return Draft(transaction, None if work.kind is _FEE else work)


def _consumed(charge: Charge) -> tuple[tuple[str, Decimal], ...]:
    return tuple(
        [
            (limit.key, consumption(charge.quantity, charge.measure, limit))
            for limit in charge.limits
        ]
    )


def _retention(milestone: Transaction, item: Item, number: int) -> Draft:
    """The negative line below a milestone."""
    kept, percent, column = item.retained, _retained_percent(item.charge), item.charge.column
    kind = TransactionKind.RETENTION
    row = milestone._replace(
        id=f"{milestone.document}#{number}",
        kind=kind,
        description=f"retention {percent:f} % on {milestone.description}",
        quantity=Decimal(-1),
        rate=kept,
        rate_basis=f"retention {percent:f} %",
        amount=-kept,
        net=-kept,
        measure=-kept,
        unrounded=-milestone.amount * percent / 100,
        tax_code=tax_code(column.line, column.version, milestone.customer, kind),
        credit_to=Account.RETENTION,
        limits=(),
    )
    return Draft(row, None)
