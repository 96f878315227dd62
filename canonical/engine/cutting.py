"""Cutting: what limits let through of what is offered, whose share it is, what is held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from canonical.contract import ContractVersion
from canonical.engine.contract_book import ContractBook
from canonical.engine.contracts import is_outside_caps
from canonical.engine.offers import Look, Offer
from canonical.engine.pricing import total
from canonical.engine.rows import Charge, Held, Taken
from canonical.money import QUANTITY_STEP, round_half_up
from canonical.rules.caps import Cut, Limit, consumption, covered_by_purchase_order, cut
from canonical.rules.pricing import Work
from canonical.rules.shares import Share, rest_shares
from canonical.terms.policies import CapScope, ChargeKind

ZERO = Decimal(0)
Parts = tuple[Taken, ...]
"""One for each payer."""


class Desk:
    """One contract, while its offers are charged in the order of consumption."""

    def __init__(self, book: ContractBook, found: Look, consumed: dict[str, Decimal]) -> None:
        """`consumed` counts for all contracts that are looked at together."""
        self._terms = book.terms
        self._flagged = book.flagged
        self._may_hold = bool(book.flagged) or book.terms.needs_orders
        self._is_capped = book.terms.has_caps(found.run_on)
        self._found, self._consumed = found, consumed
        self._known: dict[tuple[int, date], tuple[Limit, ...]] = {}

    def charge(self, offer: Offer) -> None:
        """What an offer leaves to bill is charged, or held."""
        if not offer.whole.quantity:
            return
        if self._may_hold and (reason := self._reason_to_hold(offer)):
            whole = offer.whole
            self._found.held.append(Held(offer.price, whole.quantity, whole.amount, reason))
            return
        limits = self._limits(offer) if self._is_capped else ()
        if limits:
            self._charge_within(offer, limits)
        else:
            self._keep(offer, offer.left)

    def _reason_to_hold(self, offer: Offer) -> str:
        reason = self._flagged.get(offer.price.work.id, "")
        if not reason and offer.frame.version.purchase_order_required:
            reason = _missing_order(offer.frame.version, offer.price.work)
        return reason

    def _limits(self, offer: Offer) -> tuple[Limit, ...]:
        work, line = offer.price.work, offer.frame.line
        if is_outside_caps(line, work) or (work.expense is not None and work.expense.disbursement):
            return ()
        key = (id(offer.frame), work.work_date)
        limits = self._known.get(key)
        if limits is None:
            run_on = self._found.run_on
            limits = self._terms.limits(line.line_id, work.kind, work.work_date, run_on)
            self._known[key] = limits
        return limits

    def _charge_within(self, offer: Offer, limits: tuple[Limit, ...]) -> None:
        """Limits of all payers cut the whole, those of one customer then its share alone."""
        own = any([limit.customer for limit in limits])
        common = [limit for limit in limits if not limit.customer] if own else limits
        parts, fits = offer.left, _cut(offer, offer.whole, common, self._consumed)
        if fits.cap_id:
            parts = _parts_within(offer, parts, offer.whole, fits)
            self._hold_rest(offer, offer.whole, total(parts), fits.cap_id)
        if own:
            parts = self._within_own(offer, parts, limits)
        self._keep_within(offer, parts, limits)

    def _within_own(self, offer: Offer, parts: Parts, limits: Sequence[Limit]) -> Parts:
        """Each payer's part, cut by the limits of that customer."""
        kept: list[Taken] = []
        for customer, part in zip(offer.frame.customers, parts, strict=True):
            mine = [limit for limit in limits if limit.customer == customer]
            fits = _cut(offer, part, mine, self._consumed) if part.quantity else None
            if fits is None or not fits.cap_id:
                kept.append(part)
                continue
            kept += _parts_within(offer, (part,), part, fits)
            self._hold_rest(offer, part, kept[-1], fits.cap_id)
        return tuple(kept)

    def _hold_rest(self, offer: Offer, whole: Taken, fits: Taken, cap_id: str) -> None:
        quantity, amount = whole.quantity - fits.quantity, whole.amount - fits.amount
        self._found.held.append(Held(offer.price, quantity, amount, "over the cap", cap_id))

    def _keep(self, offer: Offer, parts: Parts) -> None:
        """Make the charges, one for each payer."""
        price, columns = offer.price, offer.frame.columns
        for number, (quantity, amount, measure) in enumerate(parts):
            if quantity:
                made = Charge(price, columns[number], quantity, amount, measure, ())
                self._found.charges.append(made)

    def _keep_within(self, offer: Offer, parts: Parts, limits: tuple[Limit, ...]) -> None:
        """The same, counted against their limits."""
        consumed, own = self._consumed, any([limit.customer for limit in limits])
        for number, (quantity, amount, measure) in enumerate(parts):
            if not quantity:
                continue
            column, mine = offer.frame.columns[number], limits
            if own:
                customers = ("", column.key.customer)
                mine = tuple([limit for limit in limits if limit.customer in customers])
            for limit in mine:
                used = consumption(quantity, measure, limit)
                consumed[limit.key] = consumed.get(limit.key, ZERO) + used
            self._found.charges.append(Charge(offer.price, column, quantity, amount, measure, mine))


def _missing_order(version: ContractVersion, work: Work) -> str:
    """Fees need an order only where one of the contract's is for fees."""
    orders = [cap for cap in version.caps if cap.scope is CapScope.PURCHASE_ORDER]
    has_any = any(work.kind in cap.kinds for cap in orders)
    if covered_by_purchase_order(version, work) or (work.kind is ChargeKind.FEE and not has_any):
        return ""
    return "no purchase order covers its date" if has_any else "no purchase order"


def _cut(
    offer: Offer, whole: Taken, limits: Sequence[Limit], consumed: Mapping[str, Decimal]
) -> Cut:
    rate, step = offer.price.tariff.rate, offer.frame.contract_step
    unit_price = rate
    if abs(whole.measure - whole.quantity * rate) > rate * QUANTITY_STEP + step:
        unit_price = whole.measure / whole.quantity  # written up or down
    return cut(whole.quantity, whole.measure, unit_price, limits, consumed, step)


def _parts_within(offer: Offer, left: Parts, whole: Taken, fits: Cut) -> Parts:
    """What fits, in invoice currency, split among the payers."""
    frame, amount = offer.frame, fits.amount
    if not fits.quantity:
        return (Taken(),) * len(left)
    if frame.fx is not None:
        amount = min(round_half_up(fits.amount * frame.fx, frame.step), whole.amount)
    if len(left) == 1:
        return (Taken(fits.quantity, amount, fits.amount),)
    most = [Share(each.quantity, each.amount) for each in left]
    most_counted = [Share(each.quantity, each.measure) for each in left]
    parts = rest_shares(fits.quantity, amount, frame.weights, most, frame.step)
    counted = rest_shares(
        fits.quantity, fits.amount, frame.weights, most_counted, frame.contract_step
    )
    return tuple(
        Taken(part.quantity, part.amount, measure.amount)
        for part, measure in zip(parts, counted, strict=True)
    )
