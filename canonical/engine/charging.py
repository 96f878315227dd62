"""Charging: what of a contract's work and fees may be billed on a day, and what is held, and why.

Rules price, caps cut in the order of consumption (convention 8), shares split among payers. Nothing
is stored here: the same look serves a run, an accrual, a preview and the state of every part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal

from canonical.contract import ContractLine, ContractVersion, TimeAndMaterialsLine
from canonical.engine.books import ContractBook
from canonical.engine.cutting import charge
from canonical.engine.looks import Frame, Look, Pricing
from canonical.engine.rows import Held
from canonical.money import minor_unit
from canonical.rules import fee_rules, work_rules
from canonical.rules.pricing import Fee, LineFacts, Price, Work
from canonical.terms.lines import FixedFeeLine, RetainerLine
from canonical.terms.policies import ChargeKind

ZERO = Decimal(0)
ONE = Decimal(1)


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
            charge(found, book, pricing)
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
