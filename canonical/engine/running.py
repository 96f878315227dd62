"""A billing run: settle allowances, recognise, charge, draw up documents, issue them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal

from canonical.engine.books import Books
from canonical.engine.charging import Reach, look
from canonical.engine.contract_book import ContractBook
from canonical.engine.counting import count_billed
from canonical.engine.documents import Heading, draw_up, store, withdraw
from canonical.engine.drafting import by_document, drafts_of
from canonical.engine.grouping import Draft
from canonical.engine.issuing import issue
from canonical.engine.offers import Look
from canonical.engine.retainers import settle_retainers
from canonical.engine.rows import Case, Document, DocumentKey, DocumentType
from canonical.engine.story import Cutoff, Moment, Post
from canonical.errors import RuleViolation
from canonical.landscape import Owner
from canonical.money import allocate, minor_unit
from canonical.periods import period_of
from canonical.rules.pricing import Work

ZERO = Decimal(0)
CENT = Decimal("0.01")


def end_of(moment: Moment) -> datetime:
    """The last instant that a day, or a moment, includes."""
    if isinstance(moment, datetime):
        return moment
    return datetime.combine(moment, time.max)


def day_of(moment: Moment) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def run_billing(books: Books, cutoff: Cutoff, moment: Moment) -> list[Document]:
    """One run. A run repeated finds nothing more and adds nothing."""
    on = day_of(moment)
    approved_by = end_of(cutoff.approved_through or moment)
    through = cutoff.through or approved_by.date()
    chosen = [books.contract(name) for name in cutoff.contracts] or list(books.contracts.values())
    reach = Reach(through, approved_by)
    for book in chosen:
        settle_retainers(books, book, through, on, reach=reach)
    count_billed(books, on)
    found = look(chosen, reach, on, through, books.consumed, books.exchange(on))
    documents = _draw_up(books, cutoff, found, on, through)
    for charge in found.charges:
        if charge.price.work.hours_before is not None:
            keep_hours_before(books.contracts[charge.column.key.contract], charge.price.work)
    for book in chosen:
        book.runs += 1
        book.held = [held for held in found.held if held.price.work.contract == book.terms.id]
    if cutoff.draft:
        return documents
    return [each for each in documents if _issue_if_taxed_alike(books, cutoff, each)]


def keep_hours_before(book: ContractBook, work: Work) -> None:
    """From now on nothing that comes later changes which of its hours are overtime."""
    if work.hours_before is not None:
        progress = book.progress_of(work.id)
        if progress.hours_before is None:
            progress.hours_before = work.hours_before


def _draw_up(books: Books, cutoff: Cutoff, found: Look, on: date, through: date) -> list[Document]:
    groups = by_document(found.charges)
    names = {
        key: _name(books, cutoff, key, number, len(groups), through)
        for number, key in enumerate(groups, start=1)
    }
    documents = []
    for key, group in groups.items():
        drafts = drafts_of(group, names[key])
        documents.append(draw_up_and_store(books, key, drafts, names[key], on, through))
    return documents


def draw_up_and_store(
    books: Books,
    key: DocumentKey,
    drafts: list[Draft],
    name: str,
    on: date,
    through: date,
    rebills: str = "",
) -> Document:
    """One document, kept as a draft. What is billed again keeps the tax point that it had."""
    if name in books.documents:
        raise RuleViolation(f"document {name} exists already; give this run's invoice another name")
    version = books.contracts[key.contract].terms.at(on)
    taxed_on = books.documents[rebills].taxed_on if rebills else None
    entity = books.entity(key.entity)
    heading = Heading(name, entity, key.customer, version, on, through, rebills, taxed_on)
    document, transactions = draw_up(heading, drafts)
    store(books, document, transactions)
    return document


def _name(
    books: Books, cutoff: Cutoff, key: DocumentKey, number: int, count: int, through: date
) -> str:
    """Named by the cut-off, or by contract, period, run and number."""
    for label in (
        f"{key.entity}/{key.customer}",
        f"{key.contract}/{key.customer}",
        key.customer,
        key.entity,
        key.contract,
    ):
        if label in cutoff.invoices:
            return cutoff.invoices[label]
    if cutoff.invoice and count == 1:
        return cutoff.invoice
    run = books.contracts[key.contract].runs + 1
    prefix = cutoff.prefix or f"{key.contract}-{period_of(through)}-{run}"
    return f"{prefix}-{number}"


def _issue_if_taxed_alike(books: Books, cutoff: Cutoff, document: Document) -> bool:
    """The owner's tax is booked; ours checks it within 0.01 x lines, beyond that a case
    (convention 13)."""
    theirs = cutoff.taxes.get(document.id)
    if theirs is None:
        issue(books, document)
        return True
    if (difference := _tax_difference(books, document, theirs)) is not None:
        books.cases.append(Case(document.id, f"{difference}: kept as a draft"))
        return False
    issue(books, _with_tax(books, document, theirs))
    return True


def _tax_difference(books: Books, document: Document, theirs: Decimal) -> str | None:
    """In words, when the owner's tax and ours differ by more than 0.01 x lines.

    Raises RuleViolation where no one else may compute the tax.
    """
    owner = books.entity(document.entity).tax_owner
    if owner is Owner.ENGINE:
        raise RuleViolation(
            f"invoice {document.id}: a tax figure from outside, but {document.entity} has its tax "
            "computed here"
        )
    if abs(theirs - document.tax) <= CENT * len(document.lines):
        return None
    return f"tax {theirs} by the {owner.value}, {document.tax} by us"


def _with_tax(books: Books, document: Document, tax: Decimal) -> Document:
    """The owner's tax, in our rows; the gross follows."""
    weights = [abs(row.amount) for row in document.taxes]
    parts = allocate(tax, weights, minor_unit(document.currency)) if any(weights) else []
    rows = document.taxes
    if parts:
        rows = tuple(
            row._replace(amount=part) for row, part in zip(document.taxes, parts, strict=True)
        )
    taxed = replace(document, taxes=rows, tax=tax, gross=document.net + tax)
    books.documents[document.id] = taxed
    return taxed


def issue_draft(books: Books, event: Post, on: date) -> None:
    """A person's decision: the invoice is dated when it is posted."""
    name = event.invoice
    document = books.document(name)
    if document.posted:
        return
    if document.type is not DocumentType.INVOICE:
        raise RuleViolation(f"{name} is no invoice")
    recalled = [
        each
        for row in books.of_document[name]
        if (each := books.transactions[row].source)
        and _is_recalled(books.contracts[document.contract], each)
    ]
    if recalled and not event.is_fact:
        raise RuleViolation(
            f"invoice {name} holds recalled entries ({', '.join(recalled)}); discard the draft and "
            "run again"
        )
    dated = replace(document, on=on)
    books.documents[name] = dated
    if event.tax is None:
        issue(books, dated)
    elif (difference := _tax_difference(books, dated, event.tax)) is None:
        issue(books, _with_tax(books, dated, event.tax))
    else:
        raise RuleViolation(f"invoice {name}: {difference}")


def _is_recalled(book: ContractBook, entry: str) -> bool:
    progress = book.progress.get(entry)
    return progress is not None and progress.recall_pending


def discard_draft(books: Books, name: str) -> None:
    """Its parts are ready again, and its limits free."""
    document = books.document(name)
    if document.posted:
        raise RuleViolation(f"invoice {name} is posted; credit it instead of discarding it")
    for row_id in books.of_document.pop(name):
        row = books.transactions.pop(row_id)
        withdraw(books, row)
        progress = books.contracts[row.contract].progress_of(row.source)
        if not any(taken.quantity for taken in progress.taken.values()):
            progress.hours_before = None
    del books.documents[name]
