"""Credit notes: what of an invoice is credited, and its cumulative tax (conventions 4 and 5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.engine.books import Books
from canonical.engine.counting import used_of
from canonical.engine.rows import (
    Document,
    DocumentLine,
    DocumentType,
    Transaction,
    TransactionKind,
)
from canonical.errors import RuleViolation
from canonical.ledger.accounts import Account
from canonical.money import allocate, minor_unit, round_half_up
from canonical.rules.caps import is_by_hours
from canonical.rules.tax import (
    PricedLine,
    TaxAmount,
    Taxed,
    TaxKey,
    credited_tax,
    tax_document,
)

ZERO = Decimal(0)


@dataclass(slots=True)
class Left:
    """What of one transaction is not credited."""

    row: Transaction
    quantity: Decimal
    amount: Decimal
    discount: Decimal
    net: Decimal
    measure: Decimal

    @property
    def price(self) -> Decimal:
        return self.amount - self.discount


class Slice(NamedTuple):
    """A part of a transaction to credit; more than zero takes away."""

    row: Transaction
    quantity: Decimal
    amount: Decimal
    discount: Decimal
    measure: Decimal
    rate: Decimal

    @property
    def price(self) -> Decimal:
        return self.amount - self.discount


class CreditTerms(NamedTuple):
    """How slices are credited."""

    id: str
    on: date
    kind: TransactionKind | None = None
    """Empty: each row's own."""
    account: Account | None = None
    """Where the net is debited instead of where it was credited."""
    comes_back: bool = True
    dispute: str = ""
    label: str = "credit"


def left_of(books: Books, invoice: str) -> dict[str, Left]:
    """What is left of an invoice's transactions, net of its credits."""
    found: dict[str, Left] = {}
    for row_id in books.of_document.get(invoice, []):
        row = books.transactions[row_id]
        target = found.get(row.credits)
        if target is None:
            found[row.id] = Left(row, row.quantity, row.amount, row.discount, row.net, row.measure)
        else:
            target.quantity += row.quantity
            target.amount += row.amount
            target.discount += row.discount
            target.net += row.net
            target.measure += row.measure
    return found


def whole(left: Iterable[Left]) -> list[Slice]:
    """All that is left."""
    return [
        Slice(each.row, each.quantity, each.amount, each.discount, each.measure, each.row.rate)
        for each in left
        if each.amount or each.quantity
    ]


def part(left: Left, quantity: Decimal) -> Slice:
    """A quantity of one transaction; amounts are cumulative, so that a series ends at zero."""
    if quantity > left.quantity:
        raise RuleViolation(
            f"entry {left.row.source} has {left.quantity} billed and not credited on "
            f"{left.row.document}; {quantity} cannot be credited"
        )
    step, measure_step = minor_unit(left.row.currency), minor_unit(left.row.rate_currency)
    share = (left.quantity - quantity) / left.quantity
    return Slice(
        left.row,
        quantity,
        left.amount - round_half_up(left.amount * share, step),
        left.discount - round_half_up(left.discount * share, step),
        left.measure - round_half_up(left.measure * share, measure_step),
        left.row.rate,
    )


def with_retentions(slices: Sequence[Slice], left: dict[str, Left]) -> list[Slice]:
    """A milestone's retention is credited with it, in the same proportion."""
    found = list(slices)
    for each in slices:
        if each.row.kind is not TransactionKind.MILESTONE:
            continue
        for kept in left.values():
            is_its = kept.row.kind is TransactionKind.RETENTION and kept.amount
            if is_its and kept.row.source == each.row.source:
                found.append(_in_proportion(kept, each.quantity / left[each.row.id].quantity))
    return found


def _in_proportion(left: Left, share: Decimal) -> Slice:
    rest = 1 - share
    amount = left.amount - round_half_up(left.amount * rest, minor_unit(left.row.currency))
    return Slice(left.row, left.quantity * share, amount, ZERO, amount, left.row.rate)


def note_of(
    books: Books, original: Document, slices: Sequence[Slice], terms: CreditTerms
) -> tuple[Document, list[Transaction]]:
    """The note and its transactions. Raises RuleViolation when it credits more than is left."""
    left = left_of(books, original.id)
    taken: dict[str, list[Slice]] = {}
    for each in slices:
        taken.setdefault(each.row.id, []).append(each)
    before = tax_left(books, original)
    after = _tax_after(original, left, taken)
    rows: list[Transaction] = []
    lines: list[DocumentLine] = []
    step = minor_unit(original.currency)
    for change in _changes(original, left, taken, before, after):
        fresh = _rows(books, change.slices, change.net, len(rows), terms, step)
        rows += fresh
        lines.append(_note_line(len(lines) + 1, change, fresh, terms))
    taxes = credited_tax(before, {row.key: row for row in after.rows})
    return _assembled(original, terms, lines, taxes), rows


class Change(NamedTuple):
    """What a note takes of one line; negative where it takes away."""

    line: DocumentLine
    slices: list[Slice]
    price: Decimal
    net: Decimal


def _tax_after(original: Document, left: dict[str, Left], taken: dict[str, list[Slice]]) -> Taxed:
    """Nets and tax rows of what is left after the credit."""
    return tax_document(
        [PricedLine(_line_price(line, left, taken), line.tax) for line in original.lines],
        original.tax_mode,
        original.tax_inclusive,
        minor_unit(original.currency),
    )


def _changes(
    original: Document,
    left: dict[str, Left],
    taken: dict[str, list[Slice]],
    before: Mapping[TaxKey, TaxAmount],
    after: Taxed,
) -> list[Change]:
    found: list[Change] = []
    for line, net_after in zip(original.lines, after.nets, strict=True):
        slices = [each for row in line.transactions for each in taken.get(row, [])]
        if slices:
            price = -sum((each.price for each in slices), ZERO)
            net = net_after - sum((left[row].net for row in line.transactions), ZERO)
            found.append(Change(line, slices, price, net))
    if not original.tax_inclusive:
        return [change._replace(net=change.price) for change in found]
    bases = {row.key: row.base for row in after.rows}
    return _with_fixed_gross(found, before, bases, minor_unit(original.currency))


def _with_fixed_gross(
    found: list[Change],
    before: Mapping[TaxKey, TaxAmount],
    after: Mapping[TaxKey, Decimal],
    step: Decimal,
) -> list[Change]:
    """Where prices hold the tax, the credited gross is fixed, and the note's net follows from its
    tax. The cent by which lines that stay would change is the credited lines'."""
    nets = [change.net for change in found]
    for key, base in before.items():
        mine = [place for place, change in enumerate(found) if change.line.tax == key]
        if not mine:
            continue
        missing = after.get(key, ZERO) - base.base - sum((nets[place] for place in mine), ZERO)
        weights = [abs(found[place].price) for place in mine]
        if missing and any(weights):
            for place, part in zip(mine, allocate(missing, weights, step), strict=True):
                nets[place] += part
    return [change._replace(net=net) for change, net in zip(found, nets, strict=True)]


def _line_price(
    line: DocumentLine, left: dict[str, Left], taken: dict[str, list[Slice]]
) -> Decimal:
    price = ZERO
    for row in line.transactions:
        gone = sum((each.price for each in taken.get(row, [])), ZERO)
        rest = left[row].price - gone
        if left[row].price >= 0 > rest or left[row].price < 0 < rest:
            raise RuleViolation(
                f"transaction {row} has {left[row].price} left; {gone} cannot be credited"
            )
        price += rest
    return price


def tax_left(books: Books, original: Document) -> dict[TaxKey, TaxAmount]:
    """The document's tax rows net of its credits: what is on the books, not a new computation."""
    rows = {row.key: row for row in original.taxes}
    for note in books.documents.values():
        if note.credits == original.id:
            for row in note.taxes:
                so_far = rows.get(row.key, TaxAmount(row.key, ZERO, ZERO))
                rows[row.key] = TaxAmount(
                    row.key, so_far.base + row.base, so_far.amount + row.amount
                )
    return rows


def _rows(
    books: Books,
    slices: list[Slice],
    net: Decimal,
    before: int,
    terms: CreditTerms,
    step: Decimal,
) -> list[Transaction]:
    """The crediting transactions; the line's net is theirs together."""
    nets = [-each.price for each in slices]
    if sum(nets, ZERO) != net:
        nets = allocate(net, [abs(each.price) for each in slices], step)
    return [
        _credit_row(books, each, part_net, f"{terms.id}#{before + number}", terms)
        for number, (each, part_net) in enumerate(zip(slices, nets, strict=True), start=1)
    ]


def _credit_row(
    books: Books, each: Slice, net: Decimal, row_id: str, terms: CreditTerms
) -> Transaction:
    row = each.row
    account = terms.account or row.credit_to
    used = tuple(
        (key, -(each.quantity if is_by_hours(key) else each.measure))
        for key, _ in used_of(books, row)
    )
    return row._replace(
        id=row_id,
        document=terms.id,
        kind=terms.kind or row.kind,
        description=f"{terms.label} {terms.dispute or row.description}".rstrip(),
        quantity=-each.quantity,
        rate=each.rate,
        amount=-each.amount,
        discount=-each.discount,
        net=net,
        measure=-each.measure,
        unrounded=-each.amount,
        credit_to=row.credit_to if row.kind is TransactionKind.RETENTION else account,
        limits=used,
        credits=row.id,
        concession=not terms.comes_back,
    )


def _note_line(
    number: int, change: Change, rows: list[Transaction], terms: CreditTerms
) -> DocumentLine:
    return DocumentLine(
        line_no=number,
        description=f"{terms.label} {change.line.description}",
        quantity=sum((row.quantity for row in rows), ZERO),
        price=change.price,
        net=change.net,
        tax_code=change.line.tax_code,
        transactions=tuple(row.id for row in rows),
        tax=change.line.tax,
        taxed_on=change.line.taxed_on,
    )


def _assembled(
    original: Document,
    terms: CreditTerms,
    lines: list[DocumentLine],
    taxes: tuple[TaxAmount, ...],
) -> Document:
    net = sum((line.net for line in lines), ZERO)
    tax = sum((row.amount for row in taxes), ZERO)
    rises = net + tax > 0
    return replace(
        original,
        id=terms.id,
        type=DocumentType.INVOICE if rises else DocumentType.CREDIT_NOTE,
        on=terms.on,
        lines=tuple(lines),
        taxes=taxes,
        net=net,
        tax=tax,
        gross=net + tax,
        discount=ZERO,
        posted=False,
        credits=original.id,
        dispute=terms.dispute,
        rebills="",
    )
