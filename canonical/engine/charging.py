"""Charging: what of a contract's work and fees may be billed on a day, and what is held, and why.

Rules price, caps cut in the order of consumption (convention 8), shares split among payers. Nothing
is billed here: the same look serves a run, an accrual, a preview and the state of every part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from canonical.engine.contract_book import ContractBook
from canonical.engine.cutting import Desk
from canonical.engine.days import before_each, with_hours_before
from canonical.engine.offering import brought_up_to_date
from canonical.engine.offers import Look, Offer, Offers
from canonical.engine.pricing import Exchange, fees_of, offers_of
from canonical.engine.rows import Held
from canonical.rules.pricing import Work

ZERO = Decimal(0)


class Reach(NamedTuple):
    """How far a look goes: works up to a work date, approved up to a moment."""

    through: date
    approved_by: datetime

    def takes(self, work: Work) -> bool:
        return work.work_date <= self.through and work.approved_at <= self.approved_by

    def takes_all(self, offers: Offers) -> bool:
        in_time = offers.latest_work <= self.through
        return in_time and offers.latest_approval <= self.approved_by


FOREVER = datetime.combine(date.max, time.max)
EVERYTHING = Reach(date.max, FOREVER)


def look(
    books: Iterable[ContractBook],
    reach: Reach,
    run_on: date,
    through: date,
    consumed: Mapping[str, Decimal],
    exchange: Exchange,
) -> Look:
    """Charge all works within reach, and all fees that fall due by `through`. Contracts that share
    a limit are looked at together."""
    seen = [_see(book, reach, run_on, through, exchange) for book in books]
    looks = [_look_at_one(each, run_on, consumed) for each in seen if not each.book.terms.is_shared]
    together = [each for each in seen if each.book.terms.is_shared]
    if together:
        looks.append(_look_at(together, run_on, consumed))
    return looks[0] if len(looks) == 1 else _joined(looks, run_on, consumed)


def _joined(looks: Sequence[Look], run_on: date, before: Mapping[str, Decimal]) -> Look:
    consumed = dict(before)
    for each in looks:
        changed = {key: used for key, used in each.consumed.items() if before.get(key) != used}
        consumed |= changed
    return Look(
        run_on,
        before,
        consumed,
        [fee for each in looks for fee in each.fees],
        [charge for each in looks for charge in each.charges],
        [held for each in looks for held in each.held],
    )


# -- what is offered


class Seen(NamedTuple):
    """What one contract offers within reach, in the order of consumption."""

    book: ContractBook
    is_whole: bool
    """Whether all of its works are within reach."""
    works: list[Offer]
    fees: list[Offer]
    held: list[Held]

    @property
    def offers(self) -> list[Offer]:
        if not self.fees:
            return self.works
        return sorted([*self.fees, *self.works], key=itemgetter(0))


def _see(book: ContractBook, reach: Reach, run_on: date, through: date, exchange: Exchange) -> Seen:
    offers = brought_up_to_date(book, exchange)
    is_whole = reach.takes_all(offers)
    works, held = offers.ordered(), list(offers.held.values())
    if not is_whole:
        works = _reached(book, offers, reach, exchange)
        held = [each for each in held if reach.takes(each.price.work)]
    held.sort(key=lambda each: each.price.work.order())
    fees = fees_of(book, through, run_on, exchange)
    return Seen(book, is_whole, works, fees, held)


def _reached(book: ContractBook, offers: Offers, reach: Reach, exchange: Exchange) -> list[Offer]:
    """Under multipliers the hours of a day that are not within reach do not count: such days are
    priced for themselves."""
    works: list[Work] = []
    for entries in offers.days.values():
        reached = [book.works[entry] for entry in entries if reach.takes(book.works[entry])]
        if len(reached) < len(entries):
            works += with_hours_before(reached, dict(before_each(book, reached)))
    alone = {work.id for work in works}
    usual = (
        offer
        for offer in offers.ordered()
        if reach.takes(offer.price.work) and offer.price.work.id not in alone
    )
    return sorted(chain(usual, offers_of(book, works, exchange, {})), key=itemgetter(0))


# -- what of it is charged


def _look_at_one(seen: Seen, run_on: date, consumed: Mapping[str, Decimal]) -> Look:
    """A contract by itself, seen whole, looks the same until something changes."""
    last = seen.book.offers.last
    if seen.is_whole and last is not None and last.is_of(run_on, consumed, seen.fees):
        return last
    found = _look_at([seen], run_on, consumed)
    if seen.is_whole:
        seen.book.offers.last = found
    return found


def _look_at(group: Sequence[Seen], run_on: date, consumed: Mapping[str, Decimal]) -> Look:
    so_far = dict(consumed)
    found = Look(run_on, dict(consumed), so_far, [fee for each in group for fee in each.fees])
    offers = []
    for each in group:
        found.held += each.held
        desk = Desk(each.book, found, so_far)
        offers += [(offer[0], desk, offer) for offer in each.offers]
    if len(group) > 1:
        offers.sort(key=itemgetter(0))
    for _order, desk, offer in offers:
        desk.charge(offer)
    return found
