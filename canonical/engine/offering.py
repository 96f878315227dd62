"""Offering: keeps the offers of a contract as new as what was heard and taken.

Only entries that were heard of, or of which something was taken, are priced again. Under
multipliers the hours of a person's day count together, so the whole day is.
"""

from __future__ import annotations

from canonical.engine.contract_book import ContractBook
from canonical.engine.days import before_each, day_of, with_hours_before
from canonical.engine.offers import Day, Offer, Offers
from canonical.engine.pricing import Exchange, is_taken, less, offers_of


def brought_up_to_date(book: ContractBook, exchange: Exchange) -> Offers:
    """The offers of all entries that are ours to bill."""
    offers = book.offers
    if offers.rates:
        _renew_rates(offers, exchange)
    if offers.heard or offers.touched:
        again = offers.heard | _relieved(book)
        offers.heard, offers.touched = set(), set()
        if again:
            _offer_again(book, again, exchange)
    return offers


def _renew_rates(offers: Offers, exchange: Exchange) -> None:
    """At another rate of the day, everything that is left is priced again."""
    if any(exchange(*pair) != rate for pair, rate in offers.rates.items()):
        offers.frames, offers.rates, offers.last = {}, {}, None
        offers.heard |= offers.by_entry.keys()


# -- what was taken


def _relieved(book: ContractBook) -> set[str]:
    """Take from the offers what was taken of their entries; returns those to price again: what
    comes back after it was billed whole, overage, and hours that count otherwise now."""
    offers, again = book.offers, set[str]()
    days: dict[Day, list[str]] = {}
    for entry in offers.touched - offers.heard:
        kept = offers.by_entry.get(entry)
        if kept is None or entry in offers.held or _has_other_overage(book, kept[0]):
            again.add(entry)
        elif entry in offers.day_of:
            days.setdefault(offers.day_of[entry], []).append(entry)
        else:
            _relieve(book, entry, kept)
    for day, entries in days.items():
        changed = _counting_otherwise(book, day)
        again |= changed
        for entry in entries:
            if entry not in changed:
                _relieve(book, entry, offers.by_entry[entry])
    return again


def _counting_otherwise(book: ContractBook, day: Day) -> set[str]:
    """The entries of a day whose hours before are others now."""
    offers, works = book.offers, book.works
    mine = [works[entry] for entry in offers.days[day] if entry not in offers.heard]
    if len(mine) < len(offers.days[day]):
        return {work.id for work in mine}
    return {entry for entry, hours in before_each(book, mine) if offers.before[entry] != hours}


def _relieve(book: ContractBook, entry: str, kept: tuple[Offer, ...]) -> None:
    progress = book.progress[entry]
    for each in kept:
        if not is_taken(each, progress):
            book.offers.put(entry, tuple([less(each, progress) for each in kept]))
            return
    book.offers.put(entry, ())


def _has_other_overage(book: ContractBook, kept: Offer) -> bool:
    progress = book.progress[kept.price.work.id]
    return kept.frame.is_overage and progress.overage != kept.price.quantity


# -- what was heard


def _offer_again(book: ContractBook, entries: set[str], exchange: Exchange) -> None:
    """Price entries anew, with those of their days that count otherwise now."""
    offers, works = book.offers, book.works
    again = entries | _moved(book, entries) if book.terms.has_multipliers else entries
    mine = [works[entry] for entry in again if entry in works]
    offers.note_latest(mine)
    for entry in again:
        offers.held.pop(entry, None)
    found: dict[str, tuple[Offer, ...]] = {}
    for offer in offers_of(book, with_hours_before(mine, offers.before), exchange, offers.held):
        entry = offer.price.work.id
        found[entry] = (*found[entry], offer) if entry in found else (offer,)
    for entry, its in found.items():
        offers.put(entry, its)
    for entry in again - found.keys():
        offers.put(entry, ())


def _moved(book: ContractBook, entries: set[str]) -> set[str]:
    """Put entries into the days that their hours count in; returns all that count otherwise now."""
    offers, works = book.offers, book.works
    days: set[Day] = set()
    for entry in entries:
        before = offers.day_of.pop(entry, None)
        offers.before.pop(entry, None)
        if before is not None:
            days.add(before)
            offers.days[before].remove(entry)
        work = works.get(entry)
        now = day_of(book, work) if work is not None and book.terms.is_ours(work) else None
        if now is not None:
            days.add(now)
            offers.day_of[entry] = now
            offers.days.setdefault(now, []).append(entry)
    moved: set[str] = set()
    for day in days:
        for entry, hours in before_each(book, [works[each] for each in offers.days[day]]):
            if offers.before.get(entry) != hours:
                offers.before[entry] = hours
                moved.add(entry)
    return moved
