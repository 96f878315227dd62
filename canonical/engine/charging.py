"""Charging: what of a contract's work and fees may be billed on a day, and what is held, and why.

Rules price, caps cut in the order of consumption (convention 8), shares split among payers. Nothing
is stored here: the same look serves a run, an accrual, a preview and the state of every part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import NamedTuple

from canonical.contract import ContractLine, ContractVersion, TimeAndMaterialsLine
from canonical.engine.books import ContractBook, Progress, Taken
from canonical.engine.contracts import Terms, is_outside_caps
from canonical.engine.rows import Charge, Held
from canonical.money import minor_unit, round_half_up
from canonical.rules import fee_rules, work_rules
from canonical.rules.caps import Cut, Limit, consumption, covered_by_purchase_order, cut
from canonical.rules.pricing import Fee, LineFacts, Price, Work
from canonical.rules.shares import Share, rest_shares, shares
from canonical.terms.lines import FixedFeeLine, RetainerLine
from canonical.terms.policies import CapScope, ChargeKind, Payer

ZERO = Decimal(0)
ONE = Decimal(1)


class Frame(NamedTuple):
    """What all prices of one version have in common, found once per look."""

    version: ContractVersion
    payers: tuple[Payer, ...]
    weights: tuple[Decimal, ...]
    step: Decimal
    """The minor unit of the invoice's currency."""
    contract_step: Decimal
    fx: Decimal | None
    """Invoice currency per unit of contract currency; None: they are the same."""
    is_capped: bool
    """Whether any version in force at the run has caps."""


class Pricing(NamedTuple):
    """A price with the line and the frame of the version that set it."""

    price: Price
    line: ContractLine
    frame: Frame


@dataclass(slots=True)
class Look:
    """One look at some contracts on one day."""

    run_on: date
    consumed: dict[str, Decimal]
    """Of each limit; grows while charges are made."""
    exchange: Callable[[str, str], Decimal]
    """The day's rate from one currency into another."""
    charges: list[tuple[ContractBook, Charge]] = field(default_factory=list)
    held: list[tuple[ContractBook, Held]] = field(default_factory=list)
    frames: dict[tuple[str, int], Frame] = field(default_factory=dict)


def look(
    books: Iterable[ContractBook],
    take: Callable[[Work], bool],
    run_on: date,
    through: date,
    consumed: Mapping[str, Decimal],
    exchange: Callable[[str, str], Decimal],
) -> Look:
    """Charge all works that `take` accepts, and all fees that fall due by `through`."""
    found = Look(run_on, dict(consumed), exchange)
    contracts = list(books)
    alone = [[book] for book in contracts if not book.terms.is_shared()]
    together = [book for book in contracts if book.terms.is_shared()]
    for group in [*alone, together]:
        pricings = [
            (book, pricing)
            for book in group
            for pricing in (*_fees(book, through, found), *_works(book, take, found))
        ]
        pricings.sort(key=_consumption_order)
        for book, pricing in pricings:
            _charge(found, book, pricing)
    return found


def priced(book: ContractBook, take: Callable[[str], bool]) -> list[Price]:
    """The prices of all works that `take` accepts, billed or not."""
    found = Look(date.max, {}, _no_exchange)
    return [pricing.price for pricing in _works(book, lambda work: take(work.id), found)]


def _no_exchange(currency: str, into: str) -> Decimal:
    raise AssertionError(f"prices are in contract currency; {currency} to {into} is not needed")


def _consumption_order(each: tuple[ContractBook, Pricing]) -> tuple[date, datetime, str, int]:
    work = each[1].price.work
    return work.work_date, work.approved_at, work.id, each[1].price.portion


def _works(book: ContractBook, take: Callable[[Work], bool], found: Look) -> list[Pricing]:
    """The prices of works, by version and line."""
    groups: dict[tuple[int, str], tuple[ContractVersion, ContractLine, list[Work]]] = {}
    for work in book.works.values():
        if not take(work):
            continue
        version = book.terms.on(work.work_date)
        line = book.terms.line_for(version, work)
        if line is None:
            _hold(found, book, work, work.quantity, "no contract line takes it")
        elif not isinstance(line, FixedFeeLine):
            key = (version.version, line.line_id)
            group = groups.get(key)
            if group is None:
                group = groups[key] = (version, line, [])
            group[2].append(work)
    pricings: list[Pricing] = []
    before = _hours_before(book, groups.values())
    for version, line, works in groups.values():
        frame = _frame(found, book, version)
        offered = _offered(book, line, works, found)
        if before:
            offered = [work._replace(hours_before=before.get(work.id)) for work in offered]
        prices = work_rules()[line.method].prices(line, version, offered)
        pricings += [Pricing(price, line, frame) for price in prices]
    return pricings


def _frame(found: Look, book: ContractBook, version: ContractVersion) -> Frame:
    key = (book.terms.id, version.version)
    frame = found.frames.get(key)
    if frame is None:
        payers = book.terms.payers(version)
        frame = found.frames[key] = Frame(
            version,
            payers,
            tuple(payer.share for payer in payers),
            minor_unit(version.invoice_currency or version.currency),
            minor_unit(version.currency),
            _exchange(found, version),
            book.terms.has_caps(found.run_on),
        )
    return frame


def _exchange(found: Look, version: ContractVersion) -> Decimal | None:
    if version.invoice_currency is None or version.invoice_currency == version.currency:
        return None
    if version.invoice_rate is not None:
        return version.invoice_rate
    return found.exchange(version.currency, version.invoice_currency)


def _hours_before(
    book: ContractBook, groups: Iterable[tuple[ContractVersion, ContractLine, list[Work]]]
) -> dict[str, Decimal]:
    """What the person of an entry worked before it on its day, on any line at hourly rates. Billed
    entries keep what was before them and count first; empty without multipliers."""
    days: dict[tuple[str, date], list[Work]] = {}
    for version, line, works in groups:
        if version.multipliers is not None and isinstance(line, TimeAndMaterialsLine):
            for work in works:
                days.setdefault((work.person, work.work_date), []).append(work)
    before: dict[str, Decimal] = {}
    for mine in days.values():
        kept = {work.id: hours for work in mine if (hours := _kept(book, work)) is not None}
        before |= kept
        worked = sum((work.quantity for work in mine if work.id in kept), ZERO)
        for work in sorted(mine, key=lambda work: (work.approved_at, work.id)):
            if work.id not in kept:
                before[work.id] = worked
                worked += work.quantity
    return before


def _kept(book: ContractBook, work: Work) -> Decimal | None:
    progress = book.progress.get(work.id)
    return None if progress is None else progress.hours_before


def _offered(book: ContractBook, line: ContractLine, works: list[Work], found: Look) -> list[Work]:
    """On a retainer only the overage is priced, once the allowance has been consumed."""
    if not isinstance(line, RetainerLine):
        return works
    offered = []
    for work in works:
        progress = book.progress_of(work.id)
        if progress.covered is None:
            reason = "the retainer's allowance is not settled yet"
            _hold(found, book, work, work.quantity, reason)
            continue
        if progress.overage:
            offered.append(work._replace(quantity=progress.overage))
        if deficit := work.quantity - progress.covered - progress.overage:
            _hold(found, book, work, deficit, "a deficit: the retainer's next period gives it")
    return offered


def _hold(found: Look, book: ContractBook, work: Work, quantity: Decimal, reason: str) -> None:
    price = Price(work, 0, quantity, ZERO, "")
    found.held.append((book, Held(price, quantity, ZERO, reason)))


def _fees(book: ContractBook, through: date, found: Look) -> list[Pricing]:
    """Fees as prices of one unit, so that shares and limits treat them like work. A fee is what the
    version in force on its due date says; what that one did not know, the run's version says."""
    facts = LineFacts(through, book.closed_on, book.acceptances)
    now = book.terms.at(found.run_on)
    fees: dict[str, Pricing] = {}
    for version in book.terms.versions:
        for line in version.lines:
            rule = fee_rules().get(line.method)
            for fee in () if rule is None else rule.fees(line, facts):
                price = _fee_price(book, line, fee)
                if book.terms.at(fee.due_on) is version or (
                    version is now and price.work.id not in fees
                ):
                    fees[price.work.id] = Pricing(price, line, _frame(found, book, version))
    return list(fees.values())


def _fee_price(book: ContractBook, line: ContractLine, fee: Fee) -> Price:
    work = Work(
        id=f"{line.line_id}/{fee.key}",
        contract=book.terms.id,
        kind=ChargeKind.FEE,
        work_date=fee.due_on,
        approved_at=datetime.combine(fee.due_on, time.min),
        quantity=ONE,
        line=line.line_id,
    )
    return Price(work, 1, ONE, fee.amount, line.method, (), fee.description)


def _charge(found: Look, book: ContractBook, pricing: Pricing) -> None:
    price, frame = pricing.price, pricing.frame
    left = _left(book, pricing)
    whole = _sum(left)
    if not whole.quantity:
        return
    reason = book.flagged.get(price.work.id, "")
    if frame.version.purchase_order_required:
        reason = reason or _missing_order(frame.version, price.work)
    if reason:
        found.held.append((book, Held(price, whole.quantity, whole.amount, reason)))
        return
    limits = _limits(found.run_on, book.terms, pricing)
    if not limits:
        _keep(found, book, pricing, left, limits)
    else:
        _charge_within(found, book, pricing, left, whole, limits)


def _left(book: ContractBook, pricing: Pricing) -> list[Taken]:
    """Each payer's share of the portion, less what of it is taken."""
    price, frame = pricing.price, pricing.frame
    exact = price.quantity * price.rate
    measure = round_half_up(exact, frame.contract_step)
    amount = measure
    if frame.fx is not None:
        amount = round_half_up(exact * frame.fx, frame.step)
    progress = book.progress.get(price.work.id)
    if len(frame.payers) == 1:
        whole = Taken(price.quantity, amount, measure)
        if progress is None:
            return [whole]
        return [_less(whole, progress, price.portion, frame.payers[0].customer)]
    parts = shares(price.quantity, amount, frame.weights, frame.step)
    measures = parts
    if frame.fx is not None:
        measures = shares(price.quantity, measure, frame.weights, frame.contract_step)
    return [
        _less(
            Taken(part.quantity, part.amount, counted.amount),
            progress,
            price.portion,
            payer.customer,
        )
        for part, counted, payer in zip(parts, measures, frame.payers, strict=True)
    ]


def _less(whole: Taken, progress: Progress | None, portion: int, customer: str) -> Taken:
    taken = None if progress is None else progress.taken.get((portion, customer))
    if taken is None:
        return whole
    return Taken(
        max(whole.quantity - taken.quantity, ZERO),
        max(whole.amount - taken.amount, ZERO),
        max(whole.measure - taken.measure, ZERO),
    )


def _missing_order(version: ContractVersion, work: Work) -> str:
    """Fees need an order only where one of the contract's is for fees."""
    orders = [cap for cap in version.caps if cap.scope is CapScope.PURCHASE_ORDER]
    has_any = any(work.kind in cap.kinds for cap in orders)
    if covered_by_purchase_order(version, work) or (work.kind is ChargeKind.FEE and not has_any):
        return ""
    return "no purchase order covers its date" if has_any else "no purchase order"


def _limits(run_on: date, terms: Terms, pricing: Pricing) -> tuple[Limit, ...]:
    work = pricing.price.work
    if not pricing.frame.is_capped or is_outside_caps(pricing.line, work):
        return ()
    if work.expense is not None and work.expense.disbursement:
        return ()
    return terms.limits(pricing.line.line_id, work.kind, work.work_date, run_on)


def _charge_within(
    found: Look,
    book: ContractBook,
    pricing: Pricing,
    left: list[Taken],
    whole: Taken,
    limits: tuple[Limit, ...],
) -> None:
    price, step = pricing.price, pricing.frame.contract_step
    unit_price = price.rate
    if whole.measure != round_half_up(whole.quantity * price.rate, step):
        unit_price = whole.measure / whole.quantity
    fits = cut(whole.quantity, whole.measure, unit_price, limits, found.consumed, step)
    if not fits.cap_id:
        _keep(found, book, pricing, left, limits)
        return
    parts = _parts_within(pricing.frame, left, whole, fits)
    if fits.quantity:
        _keep(found, book, pricing, parts, limits)
    billed = _sum(parts)
    rest_quantity, rest = whole.quantity - billed.quantity, whole.amount - billed.amount
    found.held.append((book, Held(price, rest_quantity, rest, "over the cap", fits.cap_id)))


def _parts_within(frame: Frame, left: list[Taken], whole: Taken, fits: Cut) -> list[Taken]:
    """What fits, in invoice currency, split among the payers."""
    if not fits.quantity:
        return [Taken()] * len(left)
    amount = fits.amount
    if frame.fx is not None:
        amount = min(round_half_up(fits.amount * frame.fx, frame.step), whole.amount)
    if len(left) == 1:
        return [Taken(fits.quantity, amount, fits.amount)]
    most = [Share(each.quantity, each.amount) for each in left]
    most_counted = [Share(each.quantity, each.measure) for each in left]
    parts = rest_shares(fits.quantity, amount, frame.weights, most, frame.step)
    counted = rest_shares(
        fits.quantity, fits.amount, frame.weights, most_counted, frame.contract_step
    )
    return [
        Taken(part.quantity, part.amount, measure.amount)
        for part, measure in zip(parts, counted, strict=True)
    ]


def _sum(parts: list[Taken]) -> Taken:
    if len(parts) == 1:
        return parts[0]
    return Taken(
        sum((part.quantity for part in parts), ZERO),
        sum((part.amount for part in parts), ZERO),
        sum((part.measure for part in parts), ZERO),
    )


def _keep(
    found: Look,
    book: ContractBook,
    pricing: Pricing,
    parts: list[Taken],
    limits: tuple[Limit, ...],
) -> None:
    """Make the charges, and count them against their limits."""
    price, line, version = pricing.price, pricing.line, pricing.frame.version
    for payer, part in zip(pricing.frame.payers, parts, strict=True):
        if not part.quantity:
            continue
        for limit in limits:
            used = consumption(part.quantity, part.measure, limit)
            found.consumed[limit.key] = found.consumed.get(limit.key, ZERO) + used
        charge = Charge(
            price,
            line,
            version,
            payer.customer,
            part.quantity,
            part.amount,
            part.measure,
            limits,
        )
        found.charges.append((book, charge))
