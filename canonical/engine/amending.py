"""Amendments: a new version, and the re-rating of what is billed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from pydantic import ValidationError

from canonical.contract import ContractVersion
from canonical.engine.books import Books
from canonical.engine.charging import FOREVER, Reach, look
from canonical.engine.contract_book import ContractBook
from canonical.engine.contracts import check_version
from canonical.engine.counting import count_billed
from canonical.engine.credit_notes import CreditTerms, Left, Slice, left_of, whole
from canonical.engine.crediting import credit
from canonical.engine.drafting import by_document, drafts_of
from canonical.engine.issuing import issue
from canonical.engine.modifying import catch_up, check_modification, fix_what_was_earned
from canonical.engine.pricing import prices_of
from canonical.engine.recognition import UNDER_REVIEW, recognise
from canonical.engine.rows import TransactionKind
from canonical.engine.running import draw_up_and_store
from canonical.engine.story import Amendment
from canonical.errors import RuleViolation
from canonical.money import minor_unit, round_half_up
from canonical.overlay import lay_over, line_changes
from canonical.plainly import validated
from canonical.rules.pricing import Price
from canonical.terms.policies import Rerating

ZERO = Decimal(0)
Rates = dict[tuple[str, int], Price]


class Change(NamedTuple):
    """A billed transaction whose price is another one now."""

    left: Left
    price: Price
    amount: Decimal
    """What its quantity costs now, in invoice currency."""
    measure: Decimal


def next_version(book: ContractBook, amendment: Amendment) -> ContractVersion:
    """The version before, with the fields that the amendment names replaced."""
    before = book.terms.versions[-1]
    terms = dict(amendment.terms)
    body: dict[str, object] = before.model_dump()
    if "lines" in terms:
        terms["lines"] = _lines(before, terms["lines"])
    body |= {
        **terms,
        "version": max(each.version for each in book.terms.versions) + 1,
        "effective_from": amendment.effective_from,
    }
    try:
        return validated(ContractVersion, body)
    except ValidationError as invalid:
        reasons = "; ".join(
            f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}"
            for error in invalid.errors(include_url=False, include_input=False)
        )
        raise RuleViolation(f"amendment of contract {book.terms.id}: {reasons}") from None


def _lines(before: ContractVersion, told: object) -> list[dict[str, object]]:
    """Raises RuleViolation for what cannot be laid over."""
    changes, problems = line_changes([told] if isinstance(told, dict) else told)
    if problems:
        raise RuleViolation(f"amendment: {'; '.join(problems)}")
    return lay_over((line.model_dump() for line in before.lines), changes)


def amend(books: Books, amendment: Amendment, on: date) -> None:
    """The version comes into being; what it re-rates waits for its review."""
    book = books.contract(amendment.contract)
    version = next_version(book, amendment)
    check_version(version, book.terms.versions[0].effective_from, books.entities)
    if amendment.effective_from < book.terms.versions[0].effective_from:
        raise RuleViolation(
            f"contract {book.terms.id}: the amendment takes effect on {amendment.effective_from}, "
            "before the contract begins"
        )
    check_modification(book.terms.versions[-1], version)
    rates = _rates(book)
    book.agree(version)
    if version.effective_from <= on:
        fix_what_was_earned(books, book, version)
    changed = _changed_entries(rates, _rates(book))
    book.rerated[version.version] = frozenset(changed)
    if amendment.reviewed_on is None or amendment.reviewed_on <= on:
        review(books, book, version, amendment, on)
        return
    for key in changed - book.flagged.keys():
        book.flag(key, UNDER_REVIEW)


def review(
    books: Books, book: ContractBook, version: ContractVersion, amendment: Amendment, on: date
) -> None:
    """The review is done: unbilled work is re-rated in place, billed work by policy; the change
    goes through 4000 in the period in which the amendment is in force and reviewed."""
    changed = book.rerated.get(version.version, frozenset())
    for key in changed:
        book.unflag(key, UNDER_REVIEW)
    _rerate_billed(books, book, version, amendment, on)
    in_force = max(on, version.effective_from)

    def dating(entry: str) -> date | None:
        return in_force if entry in changed else min(version.effective_from, in_force)

    if version.effective_from <= on:
        recognise(books, book, on, dating)
        catch_up(books, book, version, on)


def take_effect(books: Books, book: ContractBook, version: ContractVersion) -> None:
    """The day on which a version known before takes effect: released work is revenue on it."""
    day = version.effective_from
    recognise(books, book, day, lambda _entry: day)


def modify(books: Books, version: ContractVersion, *, is_reviewed: bool) -> None:
    """The end of the day on which a version known before takes effect: fixed prices change."""
    book = books.contract(version.contract_id)
    fix_what_was_earned(books, book, version)
    if is_reviewed:
        catch_up(books, book, version, version.effective_from)


def _rates(book: ContractBook) -> Rates:
    works = [work for work in book.works.values() if book.terms.is_ours(work)]
    return {(price.work.id, price.portion): price for price in prices_of(book, works)}


def _changed_entries(before: Rates, after: Rates) -> set[str]:
    """Entries that have another price, or other portions, than before."""
    keys = {*before, *after}
    return {
        key[0]
        for key in keys
        if key not in before
        or key not in after
        or (before[key].rate, before[key].quantity) != (after[key].rate, after[key].quantity)
    }


def _rerate_billed(
    books: Books, book: ContractBook, version: ContractVersion, amendment: Amendment, on: date
) -> None:
    rates = _rates(book)
    for document in list(books.documents.values()):
        is_invoice = document.posted and not document.credits
        if document.contract != book.terms.id or not is_invoice:
            continue
        left = left_of(books, document.id)
        changes = _changes(book, left, rates, version)
        if changes:
            _rerate_document(books, book, document.id, left, changes, version, amendment, on)


def _changes(
    book: ContractBook, left: dict[str, Left], rates: Rates, version: ContractVersion
) -> list[Change]:
    found = []
    for each in left.values():
        row = each.row
        price = rates.get((row.source, row.portion))
        billable = row.kind in (TransactionKind.TIME, TransactionKind.EXPENSE)
        if not billable or not each.quantity or row.work_date < version.effective_from:
            continue
        if price is None or price.rate == row.rate:
            continue
        measure = round_half_up(each.quantity * price.rate, minor_unit(row.rate_currency))
        fx = row.fx or Decimal(1)
        amount = round_half_up(each.quantity * price.rate * fx, minor_unit(row.currency))
        found.append(Change(each, price, amount, measure))
    return found


def _rerate_document(
    books: Books,
    book: ContractBook,
    invoice: str,
    left: dict[str, Left],
    changes: list[Change],
    version: ContractVersion,
    amendment: Amendment,
    on: date,
) -> None:
    names = amendment.invoices
    note = names.get(invoice, f"{invoice} credit {version.version}")
    if version.rerating is Rerating.DELTA_CREDIT:
        terms = CreditTerms(note, on, label="re-rated")
        credit(books, invoice, [_delta(change) for change in changes], terms)
        return
    rows = list(left.values())
    if version.rerating is Rerating.ENTRY_CREDIT_AND_REBILL:
        rows = [change.left for change in changes]
    slices = whole(rows)
    credit(books, invoice, slices, CreditTerms(note, on))
    rebill = names.get(f"{invoice} rebill", f"{invoice} rebill {version.version}")
    _rebill(books, book, invoice, {each.row.source for each in slices}, rebill, on)


def _delta(change: Change) -> Slice:
    """The difference, as a credit of an amount; more than zero takes away."""
    left = change.left
    discount = ZERO
    if left.discount:
        step = minor_unit(left.row.currency)
        discount = left.discount - round_half_up(left.discount * change.amount / left.amount, step)
    return Slice(
        left.row,
        ZERO,
        left.amount - change.amount,
        discount,
        left.measure - change.measure,
        left.row.rate - change.price.rate,
    )


def _rebill(
    books: Books, book: ContractBook, invoice: str, sources: set[str], name: str, on: date
) -> None:
    """Bill again exactly what was credited, at today's terms and at the exchange rate it had."""
    original = books.documents[invoice]
    count_billed(books, on)
    rated_on = original.taxed_on or original.on
    reach, exchange = Reach(original.through, FOREVER), books.exchange(rated_on)
    found = look([book], reach, on, original.through, books.consumed, exchange)
    charges = [
        each
        for each in found.charges
        if each.price.work.id in sources and each.column.key.customer == original.customer
    ]
    for number, (key, group) in enumerate(by_document(charges).items(), start=1):
        mine = name if number == 1 else f"{name}-{number}"
        drafts = drafts_of(group, mine)
        document = draw_up_and_store(
            books, key, drafts, mine, on, original.through, rebills=invoice
        )
        issue(books, document)
