"""Caps, nested without limit: by money or hours; the tightest binds and is named.

The entry that crosses a cap is split at it: the amount rules, the billed quantity is half-up at
four decimals, the rest is original minus billed (convention 6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.contract import ContractVersion
from canonical.money import QUANTITY_STEP, round_half_up
from canonical.rules.pricing import Work
from canonical.terms.policies import Cap, CapPeriod, CapScope, ChargeKind

ZERO = Decimal(0)
HOURS = " (hours)"


class Limit(NamedTuple):
    """A cap as it binds one entry: its scope's key, its height at the run, money or hours."""

    key: str
    cap_id: str
    height: Decimal
    by_hours: bool
    customer: str = ""
    """Whose share alone it limits, of the scope `customer`; empty: all payers' together."""


class Cut(NamedTuple):
    """What fits under all limits, and the cap that let no more through."""

    quantity: Decimal
    amount: Decimal
    cap_id: str


def limits_of(
    versions: Sequence[ContractVersion],
    line_id: str,
    kind: ChargeKind,
    work_date: date,
    run_on: date,
) -> tuple[Limit, ...]:
    """The limits of work of a kind on a line: which ones by WORK date, their height by the day of
    the run. `versions` are ordered by effective date."""
    in_force = [version for version in versions if version.effective_from <= run_on]
    if not in_force:
        return ()
    now = in_force[-1]
    return tuple(
        Limit(
            _key(now, cap, work_date),
            cap.cap_id,
            _height(in_force, cap, work_date),
            cap.hours is not None,
            _customer(now, cap) if cap.scope is CapScope.CUSTOMER else "",
        )
        for cap in now.caps
        if _applies(cap, line_id, kind, work_date)
    )


def covered_by_purchase_order(version: ContractVersion, work: Work) -> bool:
    """Whether a purchase order of the version covers the work's date."""
    return any(
        cap.scope is CapScope.PURCHASE_ORDER
        and _applies(cap, cap.line_id, work.kind, work.work_date)
        for cap in version.caps
    )


def _applies(cap: Cap, line_id: str, kind: ChargeKind, work_date: date) -> bool:
    return (
        kind in cap.kinds
        and cap.line_id in ("", line_id)
        and (cap.hours is None or kind is ChargeKind.TIME)
        and (cap.effective_from is None or cap.effective_from <= work_date)
        and (cap.effective_to is None or work_date <= cap.effective_to)
    )


def _key(version: ContractVersion, cap: Cap, work_date: date) -> str:
    """Whose consumption counts together."""
    owner: str = version.contract_id
    if cap.scope in (CapScope.CUSTOMER, CapScope.PURCHASE_ORDER):
        owner = _customer(version, cap)
    unit = HOURS if cap.hours is not None else ""
    return f"{cap.scope.value}/{owner}/{cap.cap_id}{_period(cap, work_date)}{unit}"


def _customer(version: ContractVersion, cap: Cap) -> str:
    return cap.customer or version.bill_to


def is_by_hours(key: str) -> bool:
    """Whether a limit counts hours, by its key."""
    return key.endswith(HOURS)


def _period(cap: Cap, work_date: date) -> str:
    if cap.per is CapPeriod.MONTH:
        return f"/{work_date:%Y-%m}"
    if cap.per is CapPeriod.QUARTER:
        return f"/{work_date:%Y}-Q{(work_date.month - 1) // 3 + 1}"
    return f"/{work_date:%Y}" if cap.per is CapPeriod.YEAR else ""


def _height(in_force: Sequence[ContractVersion], cap: Cap, work_date: date) -> Decimal:
    """The height for work of a date: a raise for new work only does not lift older work."""
    position = len(in_force) - 1
    current = cap
    while current.new_work_only and work_date < in_force[position].effective_from:
        older = _same_cap(in_force[:position], cap.cap_id)
        if older is None:
            return ZERO
        position, current = older
    return _size(current)


def _same_cap(versions: Sequence[ContractVersion], cap_id: str) -> tuple[int, Cap] | None:
    for position in reversed(range(len(versions))):
        for cap in versions[position].caps:
            if cap.cap_id == cap_id:
                return position, cap
    return None


def _size(cap: Cap) -> Decimal:
    if cap.hours is not None:
        return cap.hours
    assert cap.amount is not None  # a cap is by money or by hours
    return cap.amount


def cut(
    quantity: Decimal,
    amount: Decimal,
    unit_price: Decimal,
    limits: Sequence[Limit],
    consumed: Mapping[str, Decimal],
    step: Decimal,
) -> Cut:
    """What of a portion fits. `amount` is rounded money in the caps' currency, `unit_price` what
    one unit costs before rounding. Of equally tight limits the first one is named."""
    fits_quantity, fits_amount, binding = quantity, amount, ""
    for limit in limits:
        room = limit.height - consumed.get(limit.key, ZERO)
        if room >= (fits_quantity if limit.by_hours else fits_amount):
            continue
        room, binding = max(room, ZERO), limit.cap_id
        if limit.by_hours:
            fits_quantity, fits_amount = room, round_half_up(room * unit_price, step)
        else:
            fits_quantity, fits_amount = _quantity_for(room, quantity, unit_price), room
    if binding and (not fits_quantity or (amount and not fits_amount)):
        return Cut(ZERO, ZERO, binding)
    return Cut(fits_quantity, fits_amount, binding)


def _quantity_for(room: Decimal, quantity: Decimal, unit_price: Decimal) -> Decimal:
    """The quantity billed for `room`: always less than the whole, so that the rest has hours."""
    return min(round_half_up(room / unit_price, QUANTITY_STEP), quantity - QUANTITY_STEP)


def consumption(quantity: Decimal, amount: Decimal, limit: Limit) -> Decimal:
    """What a billed portion takes of a limit."""
    return quantity if limit.by_hours else amount
