"""Credits name the entries and quantities that they credit; their tax is cumulative (convention 5).

A re-billable credit reopens exactly what it credits; a concession debits 4900 and never comes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.engine.books import Books
from canonical.engine.counting import used_of
from canonical.engine.documents import register
from canonical.engine.issuing import credit_side, issue
from canonical.engine.posting import open_day, post, reclassify, rounding_or_fx, translated
from canonical.engine.receivables import free_payments, note_standing
from canonical.engine.revaluation import reverse_revaluation
from canonical.engine.rows import (
    Document,
    DocumentLine,
    DocumentType,
    Transaction,
    TransactionKind,
)
from canonical.errors import RuleViolation
from canonical.ledger.accounts import Account
from canonical.ledger.journal import JournalLine
from canonical.money import allocate, minor_unit, round_half_up
from canonical.rules.caps import is_by_hours
from canonical.rules.tax import PricedLine, TaxAmount, TaxKey, credited_tax, tax_document

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


def credit(books: Books, invoice: str, slices: Sequence[Slice], terms: CreditTerms) -> Document:
    """Make and post the credit note. Raises RuleViolation when it credits more than is left."""
    original = books.document(invoice)
    if not original.posted:
        raise RuleViolation(f"invoice {invoice} is a draft; discard it instead of crediting it")
    if terms.id in books.documents:
        raise RuleViolation(f"document {terms.id} exists already")
    note, rows = _note(books, original, slices, terms)
    books.documents[note.id] = note
    for row in rows:
        books.transactions[row.id] = row
        books.of_document[invoice].append(row.id)
    register(books, rows)
    _post_note(books, original, note, rows, terms)
    return note


def _note(
    books: Books, original: Document, slices: Sequence[Slice], terms: CreditTerms
) -> tuple[Document, list[Transaction]]:
    left = left_of(books, original.id)
    taken: dict[str, list[Slice]] = {}
    for each in slices:
        taken.setdefault(each.row.id, []).append(each)
    before_prices = [_line_price(line, left, {}) for line in original.lines]
    after_prices = [_line_price(line, left, taken) for line in original.lines]
    keys = [line.tax for line in original.lines]
    before_nets = [
        sum((left[row].net for row in line.transactions), ZERO) for line in original.lines
    ]
    step = minor_unit(original.currency)
    after = tax_document(
        [PricedLine(price, key) for price, key in zip(after_prices, keys, strict=True)],
        original.tax_mode,
        original.tax_inclusive,
        step,
    )
    after_nets = after.nets if original.tax_inclusive else after_prices
    rows: list[Transaction] = []
    lines: list[DocumentLine] = []
    for position, line in enumerate(original.lines):
        mine = [each for row in line.transactions for each in taken.get(row, [])]
        if not mine:
            continue
        net = after_nets[position] - before_nets[position]
        price = after_prices[position] - before_prices[position]
        fresh = _rows(books, mine, net, len(rows), terms, step)
        rows += fresh
        lines.append(_note_line(len(lines) + 1, line, price, net, fresh, terms))
    taxes = credited_tax(_tax_left(books, original), {row.key: row for row in after.rows})
    return _assembled(original, terms, lines, taxes), rows


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


def _tax_left(books: Books, original: Document) -> dict[TaxKey, TaxAmount]:
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
    number: int,
    line: DocumentLine,
    price: Decimal,
    net: Decimal,
    rows: list[Transaction],
    terms: CreditTerms,
) -> DocumentLine:
    return DocumentLine(
        line_no=number,
        description=f"{terms.label} {line.description}",
        quantity=sum((row.quantity for row in rows), ZERO),
        price=price,
        net=net,
        tax_code=line.tax_code,
        transactions=tuple(row.id for row in rows),
        tax=line.tax,
        taxed_on=line.taxed_on,
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


def _post_note(
    books: Books,
    original: Document,
    note: Document,
    rows: list[Transaction],
    terms: CreditTerms,
) -> None:
    if note.gross > 0:  # a delta that raises the price is owed on top
        issue(books, note)
        return
    entity = books.entity(note.entity)
    on = open_day(books, entity.code, note.on)
    reverse_revaluation(books, original.id, on)
    reverse_revaluation(books, note.contract, on)
    receivable = books.receivables[original.id]
    rate, contract = receivable.item.rate, note.contract
    owed = _taken_off(books, original, -note.gross, on)
    found = credit_side(books, entity, note, rows, on, rate)
    lines = [*found.lines, *owed]
    tax = -translated(note.tax, rate, entity)
    lines.append(JournalLine(Account.OUTPUT_TAX, tax, -note.tax, contract))
    lines.append(rounding_or_fx(lines, contract, is_realised=found.is_realised))
    event = f"post {note.id}"
    post(books, entity, on, event, lines, currency=note.currency, document=note.id)
    if found.moved is not None:
        reclassify(books, entity, contract, note.currency, found.moved)
    books.documents[note.id] = replace(note, posted=True)
    if terms.dispute:
        receivable.disputes.pop(terms.dispute, None)
    note_standing(books, original.id, on)


def _taken_off(books: Books, original: Document, owed: Decimal, on: date) -> list[JournalLine]:
    """Take a credit off what is open: of the invoice, then of the deltas that raised it; what is
    paid already is freed, newest documents first."""
    family = [original.id]
    family += [
        each.id
        for each in books.documents.values()
        if each.credits == original.id and each.type is DocumentType.INVOICE
    ]
    left = owed - sum((books.receivables[each].item.document for each in family), ZERO)
    for each in reversed(family):
        freed = min(max(left, ZERO), books.receivables[each].paid)
        free_payments(books, each, freed, on)
        left -= freed
    if left > 0:
        raise RuleViolation(f"a credit of {owed} is {left} more than is left of {original.id}")
    step = minor_unit(books.entity(original.entity).currency)
    lines, rest = [], owed
    for each in family:
        item = books.receivables[each].item
        part_owed = min(item.document, rest)
        carried = item.settle(part_owed, step)
        rest -= part_owed
        lines.append(JournalLine(Account.RECEIVABLE, -carried, -part_owed, original.contract, each))
        note_standing(books, each, on)
    return lines


def credit_gross(books: Books, invoice: str, gross: Decimal, terms: CreditTerms) -> Document:
    """A credit of an agreed gross amount over the whole document, with its tax.

    The net is the one whose tax makes up the gross; where rounding leaves none, the nearest.
    """
    original = books.document(invoice)
    left = [each for each in left_of(books, invoice).values() if each.price > 0]
    step = minor_unit(original.currency)
    best = min(
        (price for price in _candidates(books, original, left, gross, step) if price > 0),
        key=lambda price: abs(
            _note(books, original, _over(left, price, step), terms)[0].gross + gross
        ),
    )
    return credit(books, invoice, _over(left, best, step), terms)


def _candidates(
    books: Books, original: Document, left: list[Left], gross: Decimal, step: Decimal
) -> list[Decimal]:
    if original.tax_inclusive:
        return [gross]
    prices = sum((each.price for each in left), ZERO)
    tax = sum((row.amount for row in _tax_left(books, original).values()), ZERO)
    price = round_half_up(gross * prices / (prices + tax), step)
    return [price, price - step, price + step]


def _over(left: list[Left], price: Decimal, step: Decimal) -> list[Slice]:
    parts = allocate(price, [each.price for each in left], step)
    return [
        Slice(each.row, ZERO, amount, ZERO, amount, each.row.rate)
        for each, amount in zip(left, parts, strict=True)
        if amount
    ]
