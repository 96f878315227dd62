"""Release of retentions: an invoice of its own on the day the condition is met, whole or in
parts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.engine.books import Books
from canonical.engine.grouping import Draft
from canonical.engine.issuing import issue
from canonical.engine.rows import Document, DocumentKey, Transaction, TransactionKind
from canonical.engine.running import draw_up_and_store
from canonical.engine.story import RetentionRelease
from canonical.errors import RuleViolation
from canonical.ledger.accounts import Account
from canonical.money import allocate, minor_unit, round_half_up
from canonical.periods import period_of

ZERO = Decimal(0)
HUNDRED = Decimal(100)


class Kept(NamedTuple):
    """What a customer keeps of a milestone."""

    row: Transaction
    """Of the retention."""
    original: Decimal
    """The price that was retained, net of credits."""
    price: Decimal
    """Of it, what is not released."""
    net: Decimal
    """The same as 1250 carries it: without a tax that prices hold."""

    def part(self, price: Decimal) -> Kept:
        if price == self.price:
            return self
        net = round_half_up(self.net * price / self.price, minor_unit(self.row.currency))
        return self._replace(price=price, net=net)


def release_retention(books: Books, event: RetentionRelease, on: date) -> None:
    """It clears 1250 and is no revenue."""
    book = books.contract(event.contract)
    kept = retained(books, book.terms.id)
    _check_milestones(book.terms.id, event, kept)
    chosen = [each for each in kept if not event.milestones or _key(each) in event.milestones]
    groups: dict[DocumentKey, list[Kept]] = {}
    for each in _released(book.terms.id, event, chosen):
        row = each.row
        key = DocumentKey(row.contract, row.entity, row.customer, row.currency)
        groups.setdefault(key, []).append(each)
    for number, (key, parts) in enumerate(groups.items(), start=1):
        name = _name(event, key, number, on)
        drafts = [
            _release(part, name, place, on, event) for place, part in enumerate(parts, start=1)
        ]
        document = draw_up_and_store(books, key, drafts, name, on, on)
        cleared = _clearing(books, document, [part.net for part in parts])
        if not event.draft:
            issue(books, cleared)


def retained(books: Books, contract: str) -> list[Kept]:
    """What customers keep of posted milestones, by milestone and customer."""
    found: dict[tuple[str, str], Kept] = {}
    for row in books.transactions.values():
        if row.contract != contract or row.credit_to is not Account.RETENTION:
            continue
        is_release = row.kind is TransactionKind.RETENTION_RELEASE
        if not is_release and not books.documents[row.document].posted:
            continue
        key = (row.source, row.customer)
        sofar = found.get(key, Kept(row, ZERO, ZERO, ZERO))
        found[key] = sofar._replace(
            original=sofar.original - (ZERO if is_release else row.amount),
            price=sofar.price - row.amount,
            net=sofar.net - row.net,
        )
    return [each for each in found.values() if each.net > 0]


def _key(kept: Kept) -> str:
    return kept.row.source.partition("/")[2]


def _check_milestones(contract: str, event: RetentionRelease, kept: list[Kept]) -> None:
    known = sorted({_key(each) for each in kept})
    unknown = [each for each in event.milestones if each not in known]
    if unknown or not kept:
        of = f" of milestone {', '.join(unknown)}" if unknown else ""
        raise RuleViolation(
            f"contract {contract} retains nothing{of}; it retains something of "
            f"{', '.join(known) or 'no milestone'}"
        )


def _released(contract: str, event: RetentionRelease, kept: list[Kept]) -> list[Kept]:
    """All of it, a percentage of what was retained of each milestone, or an amount of the whole."""
    if event.amount is not None:
        return _parts_of(contract, kept, event.amount)
    if event.percent is None:
        return kept
    found: list[Kept] = []
    for source in dict.fromkeys(each.row.source for each in kept):
        mine = [each for each in kept if each.row.source == source]
        step = minor_unit(mine[0].row.currency)
        original = sum((each.original for each in mine), ZERO)
        left = sum((each.price for each in mine), ZERO)
        whole = round_half_up(original * event.percent / HUNDRED, step)
        found += _parts_of(contract, mine, min(whole, left))
    return found


def _parts_of(contract: str, kept: list[Kept], whole: Decimal) -> list[Kept]:
    left = [each.price for each in kept]
    if whole > sum(left, ZERO):
        raise RuleViolation(f"contract {contract} retains {sum(left, ZERO)}, less than {whole}")
    parts = allocate(whole, left, minor_unit(kept[0].row.currency))
    return [each.part(part) for each, part in zip(kept, parts, strict=True) if part]


def _name(event: RetentionRelease, key: DocumentKey, number: int, on: date) -> str:
    if key.customer in event.invoices:
        return event.invoices[key.customer]
    if event.invoice and number == 1:
        return event.invoice
    return f"{key.contract}-{period_of(on)}-retention-{number}"


def _release(part: Kept, name: str, number: int, on: date, event: RetentionRelease) -> Draft:
    row, price = part.row, part.price
    released = row._replace(
        id=f"{name}#{number}",
        document=name,
        kind=TransactionKind.RETENTION_RELEASE,
        work_date=on,
        description=f"release of {row.description}: {event.condition}",
        quantity=Decimal(1),
        rate=price,
        amount=price,
        net=price,
        measure=price,
        unrounded=price,
        credits="",
        service_period=row.service_period,
    )
    return Draft(released, None)


def _clearing(books: Books, document: Document, nets: list[Decimal]) -> Document:
    """Where prices hold the tax: the nets that 1250 carries; tax = gross - net (convention 4)."""
    if [line.net for line in document.lines] == nets or not document.tax_inclusive:
        return document
    lines = tuple(replace(line, net=net) for line, net in zip(document.lines, nets, strict=True))
    for line in lines:
        for row_id in line.transactions:
            books.transactions[row_id] = books.transactions[row_id]._replace(net=line.net)
    net = sum(nets, ZERO)
    tax = document.gross - net
    rows = tuple(
        row._replace(base=net, amount=tax) if number == 0 else row
        for number, row in enumerate(document.taxes)
    )
    cleared = replace(document, lines=lines, net=net, tax=tax, taxes=rows)
    books.documents[document.id] = cleared
    return cleared
