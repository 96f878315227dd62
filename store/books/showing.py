"""Showing: what a chapter made, as people read it."""

from __future__ import annotations

from collections.abc import Sequence

from canonical.billing import (
    BilledPart,
    BillingPreview,
    BillingRun,
    HeldPart,
    JournalShown,
    JournalSide,
)
from canonical.engine.rows import Held, Transaction
from canonical.invoice import Invoice
from canonical.ledger.journal import Journal
from canonical.money import Money
from canonical.terms.policies import ChargeKind
from store.books.ledger import Page


def held_parts(page: Page) -> list[HeldPart]:
    """What the last run of the page's contract left, and why."""
    book = page.books.contracts[page.group.contract]
    return [_held(each, book.terms.currency(page.told_on.date())) for each in book.held]


def _held(held: Held, currency: str) -> HeldPart:
    return HeldPart(
        entry=held.price.work.id,
        quantity=held.quantity,
        reason=held.reason,
        cap_id=held.cap_id,
        is_fee=held.price.work.kind is ChargeKind.FEE,
        amount=Money(amount=held.amount, currency=currency),
    )


def preview_of(
    run: BillingRun, page: Page, invoices: Sequence[Invoice], held: Sequence[HeldPart]
) -> BillingPreview:
    return BillingPreview(
        run=run,
        billed=tuple(_billed(each) for each in page.made.transactions),
        held=tuple(held),
        invoices=tuple(invoices),
        journals=tuple(_shown(page, each) for each in page.made.journals),
    )


def _billed(row: Transaction) -> BilledPart:
    return BilledPart(
        entry=row.source,
        kind=row.kind.value,
        line_id=row.line_id,
        work_date=row.work_date,
        description=row.description,
        quantity=row.quantity,
        rate=row.rate,
        rate_basis=row.rate_basis,
        amount=Money(amount=row.amount, currency=row.currency),
        net=Money(amount=row.net, currency=row.currency),
        invoice=row.document,
    )


def _shown(page: Page, journal: Journal) -> JournalShown:
    entity = page.books.entity(journal.entity)
    return JournalShown(
        legal_entity=journal.entity,
        on=journal.on,
        event=journal.event,
        currency=journal.currency,
        sides=tuple(
            JournalSide(account=entity.number(line.account), amount=line.amount)
            for line in journal.lines
        ),
    )
