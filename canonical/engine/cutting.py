"""Cutting: what of a price is left, what limits let through, whose share it is, what is held."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from canonical.contract import ContractVersion
from canonical.engine.books import ContractBook, Progress, Taken
from canonical.engine.contracts import Terms, is_outside_caps
from canonical.engine.looks import Frame, Look, Pricing
from canonical.engine.rows import Charge, Held
from canonical.money import QUANTITY_STEP, round_half_up
from canonical.rules.caps import Cut, Limit, consumption, covered_by_purchase_order, cut
from canonical.rules.pricing import Work
from canonical.rules.shares import Share, rest_shares, shares
from canonical.terms.policies import CapScope, ChargeKind

ZERO = Decimal(0)


def charge(found: Look, book: ContractBook, pricing: Pricing) -> None:
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
    """Limits of all payers cut the whole, those of one customer then its share alone."""
    common = tuple([limit for limit in limits if not limit.customer])
    fits = _cut(found, pricing, whole, common)
    parts = _parts_within(pricing.frame, left, whole, fits) if fits.cap_id else left
    if fits.cap_id:
        _hold_rest(found, book, pricing, whole, _sum(parts), fits.cap_id)
    if len(common) < len(limits):
        parts = _within_own(found, book, pricing, parts, limits)
    _keep(found, book, pricing, parts, limits)


def _cut(found: Look, pricing: Pricing, whole: Taken, limits: Sequence[Limit]) -> Cut:
    rate, step = pricing.price.rate, pricing.frame.contract_step
    unit_price = rate
    if abs(whole.measure - whole.quantity * rate) > rate * QUANTITY_STEP + step:
        unit_price = whole.measure / whole.quantity  # written up or down
    return cut(whole.quantity, whole.measure, unit_price, limits, found.consumed, step)


def _within_own(
    found: Look,
    book: ContractBook,
    pricing: Pricing,
    parts: list[Taken],
    limits: tuple[Limit, ...],
) -> list[Taken]:
    """Each payer's part, cut by the limits of that customer."""
    kept: list[Taken] = []
    for payer, part in zip(pricing.frame.payers, parts, strict=True):
        mine = [limit for limit in limits if limit.customer == payer.customer]
        fits = _cut(found, pricing, part, mine) if part.quantity else None
        if fits is None or not fits.cap_id:
            kept.append(part)
            continue
        kept += _parts_within(pricing.frame, [part], part, fits)
        _hold_rest(found, book, pricing, part, kept[-1], fits.cap_id)
    return kept


def _hold_rest(
    found: Look, book: ContractBook, pricing: Pricing, whole: Taken, fits: Taken, cap_id: str
) -> None:
    quantity, amount = whole.quantity - fits.quantity, whole.amount - fits.amount
    held = Held(pricing.price, quantity, amount, "over the cap", cap_id)
    found.held.append((book, held))


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
    is_own = any([limit.customer for limit in limits])
    for payer, part in zip(pricing.frame.payers, parts, strict=True):
        if not part.quantity:
            continue
        mine = limits
        if is_own:
            mine = tuple([each for each in limits if each.customer in ("", payer.customer)])
        for limit in mine:
            used = consumption(part.quantity, part.measure, limit)
            found.consumed[limit.key] = found.consumed.get(limit.key, ZERO) + used
        made = Charge(
            price,
            line,
            version,
            payer.customer,
            part.quantity,
            part.amount,
            part.measure,
            mine,
        )
        found.charges.append((book, made))
