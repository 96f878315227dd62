"""Pricing: works and fees at their prices, rounded once and split among the payers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import NamedTuple

from canonical.contract import ContractLine, ContractVersion
from canonical.engine.columns import column_of, kind_of
from canonical.engine.contract_book import ContractBook, Progress
from canonical.engine.days import hours_before, with_hours_before
from canonical.engine.offers import Frame, Offer, Offers
from canonical.engine.rows import Held, Taken, TransactionKind
from canonical.money import minor_unit, round_half_up
from canonical.rules import fee_rules, work_rules
from canonical.rules.pricing import Fee, LineFacts, Price, Tariff, Work
from canonical.rules.shares import shares
from canonical.terms.lines import FixedFeeLine, RetainerLine
from canonical.terms.policies import ChargeKind

ZERO = Decimal(0)
ONE = Decimal(1)
Exchange = Callable[[str, str], Decimal]
"""The day's rate from one currency into another."""
UNPLACED = "no contract line takes it"
UNSETTLED = "the retainer's allowance is not settled yet"
DEFICIT = "a deficit: the retainer's next period gives it"


class Batch(NamedTuple):
    """Works that one rule prices together."""

    line: ContractLine
    version: ContractVersion
    kind: TransactionKind
    works: list[Work]


def prices_of(book: ContractBook, works: Iterable[Work]) -> list[Price]:
    """The prices of entries, billed or not, as if there were no others."""
    mine = list(works)
    mine = list(with_hours_before(mine, hours_before(book, mine)))
    return [price for batch in _batches(book, mine, {}) for price in _prices(batch)]


def offers_of(
    book: ContractBook, works: Iterable[Work], exchange: Exchange, held: dict[str, Held]
) -> Iterator[Offer]:
    """The offers of works that are ours, all portions of one after the other. Those that cannot be
    priced now are `held`, by entry. Under multipliers works know the hours before them."""
    mine = [work for work in works if book.terms.is_ours(work)]
    for batch in _batches(book, mine, held):
        frame = _frame(book, batch.line, batch.version, batch.kind, exchange)
        for price in _prices(batch):
            yield _offer(frame, price, book.progress.get(price.work.id))


def fees_of(book: ContractBook, through: date, run_on: date, exchange: Exchange) -> list[Offer]:
    """Fees that fall due by a day, as prices of one unit, so that shares and limits treat them like
    work. A fee is what the version in force on its due date says; what that one did not know, the
    run's version says."""
    facts = LineFacts(through, book.closed_on, book.acceptances)
    now = book.terms.at(run_on)
    found: dict[str, Offer] = {}
    for version in book.terms.versions:
        for line, fee in _fees(version, facts):
            price = _price_of_fee(book, line, fee)
            key, is_its_day = price.work.id, book.terms.at(fee.due_on) is version
            if is_its_day or (version is now and key not in found):
                frame = _frame(book, line, version, kind_of(price.work, line), exchange)
                found[key] = _offer(frame, price, book.progress.get(key))
    return list(found.values())


def _fees(version: ContractVersion, facts: LineFacts) -> Iterator[tuple[ContractLine, Fee]]:
    for line in version.lines:
        rule = fee_rules().get(line.method)
        for fee in () if rule is None else rule.fees(line, facts):
            yield line, fee


def _price_of_fee(book: ContractBook, line: ContractLine, fee: Fee) -> Price:
    work = Work(
        id=f"{line.line_id}/{fee.key}",
        contract=book.terms.id,
        kind=ChargeKind.FEE,
        work_date=fee.due_on,
        approved_at=datetime.combine(fee.due_on, time.min),
        quantity=ONE,
        line=line.line_id,
    )
    return Price(work, 1, ONE, Tariff(fee.amount, line.method, (), fee.description))


# -- works by the rule that prices them


def _batches(book: ContractBook, works: Iterable[Work], held: dict[str, Held]) -> Iterable[Batch]:
    """Works by version, line and kind; what a fixed price covers has no price."""
    batches: dict[tuple[int, str, str], Batch] = {}
    at_place: dict[int, Batch] = {}
    place_of = book.terms.place
    for work in works:
        place = place_of(work)
        line = place.line
        if line is None:
            held[work.id] = _hold(work, work.quantity, UNPLACED)
            continue
        if isinstance(line, FixedFeeLine):
            continue
        if isinstance(line, RetainerLine):
            overage = _overage(book, work, held)
            if overage is None:
                continue
            work = overage
        batch = at_place.get(id(place))
        if batch is None:
            key = (place.version.version, line.line_id, place.kind.value)
            new = Batch(line, place.version, place.kind, [])
            batch = at_place[id(place)] = batches.setdefault(key, new)
        batch.works.append(work)
    return batches.values()


def _overage(book: ContractBook, work: Work, held: dict[str, Held]) -> Work | None:
    """On a retainer only the overage is priced, once the allowance has been consumed."""
    progress = book.progress.get(work.id)
    if progress is None or progress.covered is None:
        held[work.id] = _hold(work, work.quantity, UNSETTLED)
        return None
    if deficit := work.quantity - progress.covered - progress.overage:
        held[work.id] = _hold(work, deficit, DEFICIT)
    return work._replace(quantity=progress.overage) if progress.overage else None


def _hold(work: Work, quantity: Decimal, reason: str) -> Held:
    return Held(Price(work, 0, quantity, Tariff(ZERO, "")), quantity, ZERO, reason)


def _prices(batch: Batch) -> list[Price]:
    return work_rules()[batch.line.method].prices(batch.line, batch.version, batch.works)


# -- what they have in common


def _frame(
    book: ContractBook,
    line: ContractLine,
    version: ContractVersion,
    kind: TransactionKind,
    exchange: Exchange,
) -> Frame:
    frames = book.offers.frames
    key = (version.version, line.line_id, kind.value)
    frame = frames.get(key)
    if frame is None:
        frame = frames[key] = _new_frame(book, line, version, kind, exchange)
    return frame


def _new_frame(
    book: ContractBook,
    line: ContractLine,
    version: ContractVersion,
    kind: TransactionKind,
    exchange: Exchange,
) -> Frame:
    payers = book.terms.payers(version)
    fx = _fx(book.offers, version, exchange)
    return Frame(
        line,
        version,
        tuple(payer.customer for payer in payers),
        tuple(payer.share for payer in payers),
        tuple(column_of(book.terms, line, version, payer.customer, kind, fx) for payer in payers),
        minor_unit(version.invoice_currency or version.currency),
        minor_unit(version.currency),
        isinstance(line, RetainerLine) and kind is TransactionKind.TIME,
        fx,
    )


def _fx(offers: Offers, version: ContractVersion, exchange: Exchange) -> Decimal | None:
    if version.invoice_currency is None or version.invoice_currency == version.currency:
        return None
    if version.invoice_rate is not None:
        return version.invoice_rate
    pair = (version.currency, version.invoice_currency)
    rate = offers.rates[pair] = exchange(*pair)
    return rate


# -- a portion and its payers


def _offer(frame: Frame, price: Price, progress: Progress | None) -> Offer:
    """A portion at its price: rounded once, then split (conventions 2 and 6)."""
    work, portion, quantity, tariff = price
    exact = quantity * tariff.rate
    measure = round_half_up(exact, frame.contract_step)
    amount = measure if frame.fx is None else round_half_up(exact * frame.fx, frame.step)
    whole = Taken(quantity, amount, measure)
    full = (whole,) if len(frame.customers) == 1 else _shared(frame, whole)
    order = (work.work_date, work.approved_at, work.id, portion)
    offer = Offer(order, price, frame, full, full, whole)
    return less(offer, progress) if progress is not None and progress.taken else offer


def _shared(frame: Frame, whole: Taken) -> tuple[Taken, ...]:
    """Each payer's share."""
    parts = shares(whole.quantity, whole.amount, frame.weights, frame.step)
    if frame.fx is None:
        return tuple([Taken(quantity, amount, amount) for quantity, amount in parts])
    measures = shares(whole.quantity, whole.measure, frame.weights, frame.contract_step)
    return tuple(
        [
            Taken(part.quantity, part.amount, counted.amount)
            for part, counted in zip(parts, measures, strict=True)
        ]
    )


def less(offer: Offer, progress: Progress) -> Offer:
    """An offer, less what each payer has taken of it."""
    order, price, frame, full, _, _ = offer
    taken, portion = progress.taken, price.portion
    left = tuple(
        [
            _rest(full[number], taken.get((portion, customer)))
            for number, customer in enumerate(frame.customers)
        ]
    )
    return Offer(order, price, frame, full, left, total(left))


def is_taken(offer: Offer, progress: Progress) -> bool:
    """Whether nothing of an offer is left."""
    portion = offer.price.portion
    for number, customer in enumerate(offer.frame.customers):
        taken = progress.taken.get((portion, customer))
        if taken is None or taken.quantity < offer.full[number].quantity:
            return False
    return True


def _rest(full: Taken, taken: Taken | None) -> Taken:
    if taken is None:
        return full
    return Taken(
        max(full.quantity - taken.quantity, ZERO),
        max(full.amount - taken.amount, ZERO),
        max(full.measure - taken.measure, ZERO),
    )


def total(parts: Sequence[Taken]) -> Taken:
    """All payers together."""
    if len(parts) == 1:
        return parts[0]
    return Taken(
        sum([part.quantity for part in parts], ZERO),
        sum([part.amount for part in parts], ZERO),
        sum([part.measure for part in parts], ZERO),
    )
