"""Drafting: charges become transactions, one set per billing entity, customer and currency."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

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


def by_document(charges: Iterable[Charge]) -> dict[DocumentKey, list[Charge]]:
    """Charges by the document they go on, fees before work, with their parts of what is computed
    once on a whole."""
    mine = sorted(charges, key=_is_work)
    columns = {id(each.column): each.column for each in mine}
    if any(column.version.labour_discount_percent for column in columns.values()):
        _discount(mine)
    if any(isinstance(column.line, MilestonesLine) for column in columns.values()):
        _retain(mine)
    documents: dict[DocumentKey, list[Charge]] = {column.key: [] for column in columns.values()}
    of_column = {place: documents[column.key] for place, column in columns.items()}
    for charge in mine:
        of_column[id(charge.column)].append(charge)
    return documents


def _is_work(charge: Charge) -> bool:
    return charge.price.work.kind is not _FEE


def _discount(charges: list[Charge]) -> None:
    """A labour discount is computed once on the labour total of a contract, whoever pays; its
    percentage is the one in force on the work date."""
    wholes: dict[tuple[str, str, Decimal], list[int]] = {}
    for place, charge in enumerate(charges):
        column, percent = charge.column, charge.column.version.labour_discount_percent
        if percent and column.words.kind is TransactionKind.TIME:
            key = (column.key.contract, column.key.currency, percent)
            wholes.setdefault(key, []).append(place)
    for (_contract, currency, percent), places in wholes.items():
        amounts = [charges[place].amount for place in places]
        parts = discounts(amounts, percent, minor_unit(currency))
        for place, part in zip(places, parts, strict=True):
            charges[place] = Charge(*charges[place][:6], discount=part)


def _retain(charges: list[Charge]) -> None:
    """A retention is rounded once per milestone, whoever pays, and shared out like the
    milestone."""
    wholes: dict[tuple[str, str], list[int]] = {}
    for place, charge in enumerate(charges):
        if isinstance(charge.column.line, MilestonesLine):
            key = (charge.column.key.contract, charge.price.work.id)
            wholes.setdefault(key, []).append(place)
    for places in wholes.values():
        first = charges[places[0]]
        step = minor_unit(first.column.key.currency)
        amounts = [charges[place].amount for place in places]
        kept = round_half_up(sum(amounts, ZERO) * _retained_percent(first) / 100, step)
        if kept:
            for place, part in zip(places, allocate(kept, amounts, step), strict=True):
                charges[place] = charges[place]._replace(retained=part)


def _retained_percent(charge: Charge) -> Decimal:
    line = charge.column.line
    if not isinstance(line, MilestonesLine):
        raise AssertionError(f"line {line.line_id} has no milestones")
    return retention_percent(line, charge.price.work.id.removeprefix(f"{line.line_id}/"))


def drafts_of(charges: Iterable[Charge], document: str) -> list[Draft]:
    """The transactions of one document."""
    found: list[Draft] = []
    for charge in charges:
        found.append(_draft(charge, document, len(found) + 1))
        if charge.retained:
            found.append(_retention(found[-1].transaction, charge, len(found) + 1))
    return found


def _draft(charge: Charge, document: str, number: int) -> Draft:
    price, column, quantity, amount, measure, _, discount, _ = charge
    work, portion, _, tariff = price
    words, unrounded = column.words, quantity * tariff.rate
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
        portion,
        work.work_date,
        period_of(work.work_date),
        *tariff,
        quantity,
        amount,
        discount,
        amount - discount if discount else amount,
        measure,
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


def _retention(milestone: Transaction, charge: Charge, number: int) -> Draft:
    """The negative line below a milestone."""
    kept, percent, column = charge.retained, _retained_percent(charge), charge.column
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
