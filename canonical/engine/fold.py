"""The fold: a story of dated events becomes transactions, documents, journals and balances.

Between two decisions deliveries are put into one order of their own (by business date and id), so
that the order in which they came, and how often, cannot matter. Each decision then sees the same
facts, and what it consumed is sunk.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple, cast

from canonical.contract import ContractVersion
from canonical.engine import deliveries as heard
from canonical.engine.adjusting import is_waiting, write
from canonical.engine.amending import amend, modify, review, take_effect
from canonical.engine.books import Books, new_books
from canonical.engine.contracts import check_version
from canonical.engine.copying import copied
from canonical.engine.costs import post_claims, post_intercompany
from canonical.engine.decisions import (
    close_contract,
    close_revenue,
    lock,
    take_credit,
    take_write_off,
)
from canonical.engine.payments import apply_unapplied, open_dispute, refund, reject_dispute
from canonical.engine.recognition import recognise
from canonical.engine.releasing import release_retention
from canonical.engine.revaluation import revalue, reverse_due
from canonical.engine.running import discard_draft, end_of, issue_draft, run_billing
from canonical.engine.story import DELIVERIES, Amendment, Event, Write, WriteKind
from canonical.errors import RuleViolation
from canonical.ledger.entity import EntityTerms

Delivery = Callable[[Books, object, date | datetime], None]
_HEARD: dict[str, Delivery] = {
    "rates": cast(Delivery, heard.hear_rates),
    "time": cast(Delivery, heard.hear_time),
    "submitted": cast(Delivery, heard.hear_submitted),
    "expense": cast(Delivery, heard.hear_expense),
    "recall": cast(Delivery, heard.hear_recall),
    "acceptance": cast(Delivery, heard.hear_acceptance),
    "progress": cast(Delivery, heard.hear_progress),
    "payment": cast(Delivery, heard.hear_payment),
}
_ORDER = {kind: number for number, kind in enumerate(DELIVERIES)}


class Step(NamedTuple):
    """One thing to do, with its place in the story."""

    moment: datetime
    number: int
    kind: str
    event: object


def tell(
    entities: Sequence[EntityTerms],
    versions: Sequence[ContractVersion],
    events: Iterable[Event],
) -> Books:
    """Fold a whole story. Raises RuleViolation (or a subclass) for what no rule allows."""
    books = open_books(entities, versions)
    continue_story(books, versions, events)
    return books


def open_books(entities: Sequence[EntityTerms], versions: Sequence[ContractVersion]) -> Books:
    """Books of contracts that are complete: entities known, tax codes mapped, dates in order."""
    books = new_books(list(entities), list(versions))
    for book in books.contracts.values():
        for version in book.terms.versions:
            first = next(each for each in book.terms.versions if each.version == 1)
            check_version(version, first.effective_from, books.entities)
    return books


def continue_story(
    books: Books,
    versions: Sequence[ContractVersion],
    events: Iterable[Event],
    until: date = date.max,
) -> None:
    """Fold more events into books; versions that take effect after `until` do not. When a rule
    refuses one, the books are spoilt: keep those from before, or use `after`."""
    steps = [_step(number, event) for number, event in enumerate(events)]
    for number, version in enumerate(versions, start=1):
        if version.version > 1:
            steps += _taking_effect(version, -number, is_reviewed=True)
    heapq.heapify(steps)
    waiting: list[Step] = []
    while steps:
        step = heapq.heappop(steps)
        if step.moment.date() > until:
            break
        if step.kind in _HEARD:
            waiting.append(step)
            continue
        _hear(books, waiting, _eve(step))
        waiting = []
        books.telling = step.number if step.number >= 0 else None
        for later in decide(books, step):
            heapq.heappush(steps, later)
    if waiting:
        _hear(books, waiting, waiting[-1].moment.date())


EFFECT = "version takes effect"
MODIFIED = "fixed prices change"
REVIEW = "review is done"
BEFORE = -1_000_000
"""Of one moment, a version takes effect before anything else is done."""


def _taking_effect(version: ContractVersion, number: int, *, is_reviewed: bool) -> list[Step]:
    """What was held is released at the beginning of the day; fixed prices change at its end, when
    what was reported on it is known."""
    day = version.effective_from
    return [
        Step(heard.start_of(day), number, EFFECT, version),
        Step(end_of(day), number, MODIFIED, (version, is_reviewed)),
    ]


def _step(number: int, event: Event) -> Step:
    """A day without a time: deliveries at its beginning, decisions at its end."""
    kind = event.kind
    came = event.arrives or event.on
    moment = heard.start_of(came) if kind in _HEARD else end_of(came)
    return Step(moment, number, kind, event)


def _eve(step: Step) -> date:
    """The day on which deliveries are looked at before a step: a version that takes effect finds
    what the day before left."""
    day = step.moment.date()
    return day - timedelta(days=1) if step.kind == EFFECT else day


def after(books: Books, versions: Sequence[ContractVersion], events: Iterable[Event]) -> Books:
    """The books as they would be after more events; those given stay as they are.

    This is how a decision is previewed, and how one that a rule refuses leaves nothing behind.
    """
    later = copied(books)
    continue_story(later, versions, events)
    return later


def hear(books: Books, deliveries: Sequence[Event], today: date) -> None:
    """Deliveries that came together; see `_hear`."""
    _hear(books, [_step(number, event) for number, event in enumerate(deliveries)], today)


def _hear(books: Books, waiting: list[Step], today: date) -> None:
    """All deliveries since the last decision, in their own order; then what follows from them."""
    reverse_due(books, today)
    for step in sorted(waiting, key=_own_order):
        event, books.telling = cast(Event, step.event), step.number
        body = getattr(event, step.kind)
        for each in body if isinstance(body, tuple) else (body,):
            _hear_once(books, step.kind, each, event.on)
    follow(books, today)


def _own_order(step: Step) -> tuple[bool, datetime, int, str]:
    """Rates first, since the others are worth by them; then by business date, kind and content."""
    event = cast(Event, step.event)
    content = getattr(event, step.kind)
    moment = heard.start_of(event.on)
    return step.kind != "rates", moment, _ORDER[step.kind], repr(content)


def _hear_once(books: Books, kind: str, fact: object, on: date | datetime) -> None:
    """The same fact of the same moment is heard once, however often it comes."""
    key = (kind, f"{on} {fact!r}")
    if key in books.seen:
        return
    books.seen.add(key)
    _HEARD[kind](books, fact, on)


def follow(books: Books, on: date) -> None:
    """What approved work brings by itself: claims, revenue, transfers between entities; each where
    something changed since it was followed before."""
    for book in books.contracts.values():
        post_claims(books, book, on)
        recognise(books, book, on)
        post_intercompany(books, book, on)
        book.news.clear()
        book.looked_on = max(book.looked_on, on)


def decide(books: Books, step: Step) -> list[Step]:
    """Take one decision; returns the steps that it brings later."""
    on = step.moment.date()
    reverse_due(books, on)
    if step.kind == EFFECT:
        version = cast(ContractVersion, step.event)
        take_effect(books, books.contract(version.contract_id), version)
        return []
    if step.kind == MODIFIED:
        version, is_reviewed = cast("tuple[ContractVersion, bool]", step.event)
        modify(books, version, is_reviewed=is_reviewed)
        return []
    if step.kind == REVIEW:
        amendment, version = cast("tuple[Amendment, ContractVersion]", step.event)
        review(books, books.contract(amendment.contract), version, amendment, on)
        return []
    event = cast(Event, step.event)
    _take(books, event, on)
    follow(books, on)
    asked = event.write_down or event.write_up
    if asked is not None and is_waiting(books, asked):
        return _approval_to_come(asked, step)
    return _later(books, event, step) if event.amendment is not None else []


def _approval_to_come(asked: Write, step: Step) -> list[Step]:
    """A write-down or write-up that waits is decided again on the day of its next approval."""
    later = sorted(each.on for each in asked.approvals if each.on > step.moment.date())
    return [step._replace(moment=end_of(later[0]))] if later else []


def _take(books: Books, event: Event, on: date) -> None:
    """The decision's own handler."""
    match event.kind:
        case "cutoff" if event.cutoff:
            run_billing(books, event.cutoff, event.on)
        case "post" if event.post:
            issue_draft(books, event.post, on)
        case "discard" if event.discard:
            discard_draft(books, event.discard.invoice)
        case "lock" if event.lock:
            lock(books, event.lock)
        case "revenue_close" if event.revenue_close:
            close_revenue(books, event.revenue_close, on)
        case "amendment" if event.amendment:
            amend(books, event.amendment, on)
        case "credit" if event.credit:
            take_credit(books, event.credit, on)
        case "write_down" if event.write_down:
            write(books, WriteKind.DOWN, event.write_down, on)
        case "write_up" if event.write_up:
            write(books, WriteKind.UP, event.write_up, on)
        case "release_retention" if event.release_retention:
            release_retention(books, event.release_retention, on)
        case "close_contract" if event.close_contract:
            close_contract(books, event.close_contract, on)
        case _:
            _take_receivable(books, event, on)


def _take_receivable(books: Books, event: Event, on: date) -> None:
    match event.kind:
        case "dispute" if event.dispute:
            found = event.dispute
            open_dispute(books, found.id, found.invoice, found.amount, on)
        case "reject_dispute" if event.reject_dispute:
            reject_dispute(books, event.reject_dispute.dispute, on)
        case "write_off" if event.write_off:
            take_write_off(books, event.write_off, on)
        case "apply_cash" if event.apply_cash:
            apply_unapplied(books, event.apply_cash, on)
        case "refund" if event.refund:
            refund(books, event.refund, on)
        case "revalue" if event.revalue:
            for code in [event.revalue.entity] if event.revalue.entity else list(books.entities):
                revalue(books, books.entity(code), on)
        case kind:
            raise RuleViolation(f"there is no decision {kind!r}")


def _later(books: Books, event: Event, step: Step) -> list[Step]:
    """An amendment's review, and the day on which it takes effect."""
    amendment = event.amendment
    if amendment is None:
        return []
    version = books.contract(amendment.contract).terms.versions
    made = max(version, key=lambda each: each.version)
    later: list[Step] = []
    if amendment.reviewed_on is not None and amendment.reviewed_on > step.moment.date():
        moment = end_of(amendment.reviewed_on)
        later.append(Step(moment, step.number, REVIEW, (amendment, made)))
    if made.effective_from > step.moment.date():
        reviewed_on = amendment.reviewed_on or step.moment.date()
        is_reviewed = reviewed_on <= made.effective_from
        later += _taking_effect(made, BEFORE - step.number, is_reviewed=is_reviewed)
    return later
