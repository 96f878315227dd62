"""Recognition: revenue that follows approval, acceptance and use, brought to what it should be.

Each entry has a target (billed, plus what may be billed, plus what was written down after it was
earned) and what was posted; the difference is posted. So deliveries between two decisions may come
in any order: only their sum is ever seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from canonical.contract import ContractVersion
from canonical.engine.books import Books
from canonical.engine.charging import EVERYTHING, look
from canonical.engine.contract_book import ContractBook, Recognition
from canonical.engine.contracts import Earning
from canonical.engine.counting import count_billed
from canonical.engine.documents import Heading, draw_up
from canonical.engine.drafting import by_document, drafts_of
from canonical.engine.offers import Look
from canonical.engine.posting import accrual_day, counting_from, open_day, revenue
from canonical.engine.rows import Charge
from canonical.ledger.accounts import Account
from canonical.periods import period_of
from canonical.terms.lines import MilestonesLine
from canonical.terms.policies import RevenueTiming

ZERO = Decimal(0)
Dating = Callable[[str], date | None]
"""The day on which an entry's change takes effect; None: by its work date."""


@dataclass(slots=True)
class Slot:
    """Changes that are posted together to one account."""

    earning: Earning
    day: date
    first: str
    """Of its entries the first by name: the order in which accounts share a posting."""
    amount: Decimal = ZERO

    def add(self, key: str, change: Decimal) -> None:
        self.amount += change
        if key < self.first:
            self.first = key


def by_work_date(_entry: str) -> None:
    """The usual dating: the period of the work date while it is open (convention 10)."""


def recognise(books: Books, book: ContractBook, on: date, dating: Dating = by_work_date) -> None:
    """Post what is missing or too much of a contract's revenue: of entries and accepted milestones,
    where something may have changed since the last look. Lines whose revenue follows the invoice
    have none here."""
    slots: dict[tuple[int, date | None, date], Slot] = {}
    nets = open_nets(books, book, on)
    for key in _stirred(book, nets, on):
        target = change = nets.get(key, ZERO)
        progress = book.progress.get(key)
        if progress is not None:
            target = progress.billed_net + target + progress.written_down_value
            change = target - progress.recognised
        earned = _earned(book, key, on) if change else None
        if earned is None:
            continue
        if _is_under_review(book, key):
            book.recognition.restless.add(key)
            continue
        progress, (earning, approved_on) = progress or book.record_of(key), earned
        new = not progress.recognised_in
        counts_from = counting_from(book, approved_on, on) if new else on
        at = (id(earning), dating(key), counts_from)
        slot = slots.get(at)
        if slot is None:
            slot = slots[at] = _slot(books, earning, at[1], counts_from, on, key)
        slot.add(key, change)
        progress.recognise(change, period_of(slot.day))
    _post(books, book, sorted(slots.values(), key=lambda slot: slot.first))


def _slot(
    books: Books, earning: Earning, dated: date | None, counts_from: date, on: date, key: str
) -> Slot:
    dated = dated or _accrued_on(books, earning, counts_from, on)
    return Slot(earning, open_day(books, earning.entity, dated), key)


def _accrued_on(books: Books, earning: Earning, counts_from: date, on: date) -> date:
    """New work counts from its approval, what changes or comes late from the day of the look."""
    day = accrual_day(books, earning.entity, earning.day, counts_from)
    entity = books.entity(earning.entity)
    if books.known_rate(earning.currency, entity.currency, day) is None:
        return accrual_day(books, earning.entity, earning.day, on)
    return day


def _post(books: Books, book: ContractBook, slots: Iterable[Slot]) -> None:
    """One journal for each entity, day, currency and service period."""
    posted: dict[tuple[str, date, str, str], dict[Account, Decimal]] = {}
    for each in slots:
        entity, account, worked_on, currency = each.earning
        sums = posted.setdefault((entity, each.day, currency, period_of(worked_on)), {})
        sums[account] = sums.get(account, ZERO) + each.amount
    for (code, day, currency, service), amounts in sorted(posted.items()):
        biller, event = books.entity(code), f"revenue of approved work, {service}"
        revenue(books, biller, book.terms.id, currency, day, event, amounts, service)


def _is_under_review(book: ContractBook, key: str) -> bool:
    return bool(book.flagged) and book.flagged.get(key) in (UNDER_REVIEW, WAITING)


UNDER_REVIEW = "its amendment is under review"
WAITING = "its write-down or write-up waits for approval"
"""Held for these reasons, work stays earned as it was."""


def _earned(book: ContractBook, key: str, on: date) -> tuple[Earning, date] | None:
    """With the day of approval; None for what is not recognised here."""
    work = book.works.get(key) or book.recalled.get(key)
    if work is None:
        earning = _milestone(book, key, on)
        return None if earning is None else (earning, earning.day)
    earning = book.terms.place(work).earning
    return None if earning is None else (earning, work.approved_at.date())


def _milestone(book: ContractBook, key: str, on: date) -> Earning | None:
    line_id, _, milestone = key.partition("/")
    evidence = book.acceptances.get(milestone)
    if evidence is None:
        return None
    line = book.terms.line(line_id, on)
    if not isinstance(line, MilestonesLine) or line.revenue is RevenueTiming.ON_INVOICE:
        return None
    day = evidence.accepted_on
    version = book.terms.on(day)
    currency = version.invoice_currency or version.currency
    return Earning(book.terms.entity_of(line, version), Account.SERVICE_REVENUE, day, currency)


def _stirred(book: ContractBook, nets: dict[str, Decimal], on: date) -> set[str]:
    """What was heard, taken or held since the last look, and what has another net now."""
    seen = book.recognition
    version = book.terms.at(on).version
    stirred, before = seen.restless, seen.nets
    if version != seen.version:
        stirred |= {*book.works, *book.recalled, *book.progress}
    stirred |= {key for key, net in nets.items() if before.get(key) != net}
    stirred |= before.keys() - nets.keys()
    book.recognition = Recognition(set(), nets, version)
    return stirred


def open_nets(books: Books, book: ContractBook, on: date) -> dict[str, Decimal]:
    """What each entry would bill now, net: after caps, discounts, and tax held in the price."""
    charges = survey(books, book, on).charges
    versions = book.terms.versions
    if any(each.tax_inclusive for each in versions):
        return _net_of_documents(books, book.terms.at(on), charges, on)
    nets: dict[str, Decimal] = {}
    if any(each.labour_discount_percent for each in versions):
        for group in by_document(charges).values():
            for charge in group:
                key = charge.price.work.id
                nets[key] = nets.get(key, ZERO) + charge.amount - charge.discount
        return nets
    for charge in charges:
        key = charge.price.work.id
        nets[key] = nets.get(key, ZERO) + charge.amount
    return nets


def _net_of_documents(
    books: Books, version: ContractVersion, charges: list[Charge], on: date
) -> dict[str, Decimal]:
    nets: dict[str, Decimal] = {}
    for key, group in by_document(charges).items():
        heading = Heading("", books.entity(key.entity), key.customer, version, on, on)
        for row in draw_up(heading, drafts_of(group, ""))[1]:
            if row.credit_to is not Account.RETENTION:
                nets[row.source] = nets.get(row.source, ZERO) + row.net
    return nets


def survey(books: Books, book: ContractBook, on: date) -> Look:
    """A look at everything approved of a contract, on a day; nothing is billed.

    Contracts that share a limit are looked at together.
    """
    count_billed(books, on)
    if not book.terms.is_shared:
        return look([book], EVERYTHING, on, on, books.consumed, books.exchange(on))
    sharing = [each for each in books.contracts.values() if each.terms.is_shared]
    found = look(sharing, EVERYTHING, on, on, books.consumed, books.exchange(on))
    mine = book.terms.id
    return replace(
        found,
        charges=[each for each in found.charges if each.column.key.contract == mine],
        held=[each for each in found.held if each.price.work.contract == mine],
    )
