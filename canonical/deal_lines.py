"""A deal's lines in the contract's words: plain data, which validation judges before anything is
agreed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import Context, Decimal

from canonical.contract import RATE_DECIMALS, RATE_DIGITS_MAX
from canonical.currencies import MINOR_DIGITS
from canonical.deal import Deal, DealLine, LineKind, RetainerTerms
from canonical.landscape import LegalEntity
from canonical.money import QUANTITY_STEP, minor_unit

Draft = dict[str, object]

TIME, RETAINER, MILESTONES, FEE, EXPENSES = "time", "retainer", "milestones", "fee", "expenses"
"""The ids of the contract lines that a deal's lines become; a terms sheet speaks of them."""

RATE_STEP = Decimal(1).scaleb(-RATE_DECIMALS)
RATE_MAX = Decimal(10) ** (RATE_DIGITS_MAX - RATE_DECIMALS) - RATE_STEP

_ONE_DAY = timedelta(days=1)
_LENIENT = Context(prec=100, traps=[])
"""Computes with any number that a CRM can hold; what is no money is refused later, with words."""


def lines_of(deal: Deal, entity: LegalEntity) -> list[Draft]:
    """One contract line for all roles, one per retainer, one for all milestones, one for all
    instalments, and one for expenses where the deal says at which mark-up."""
    return [
        *_time(deal, entity),
        *_retainers(deal),
        *_milestones(deal),
        *_fixed_fee(deal),
        *_expenses(deal),
    ]


def starts_on(deal: Deal) -> date:
    """The first day of service. A deal without it is refused; the earliest day that it names lets
    the rest of it be judged all the same."""
    if deal.service_start is not None:
        return deal.service_start
    named = [line.effective_from for line in deal.lines if line.effective_from is not None]
    return min(named, default=deal.close_date or date(2000, 1, 1))


def rate_fits(rate: Decimal) -> bool:
    """Whether a rate per hour can be kept: not negative, not beyond reason, four decimals."""
    return 0 <= rate <= RATE_MAX and rate == _LENIENT.quantize(rate, RATE_STEP)


def lines_of_kind(deal: Deal, kind: LineKind) -> list[DealLine]:
    return [line for line in deal.lines if line.kind == kind]


def _time(deal: Deal, entity: LegalEntity) -> list[Draft]:
    if not any(line.role for line in deal.lines):
        return []
    rates = _rate_rows(deal, entity)
    return [{"line_id": TIME, "method": "time_and_materials", "rates": rates}]


def _rate_rows(deal: Deal, entity: LegalEntity) -> list[Draft]:
    """Rate rows per role; each ends the day before the role's next one begins.

    Left out is what is found on the deal's own lines: unknown roles, rates that do not fit, a
    second rate from the same day.
    """
    by_role: dict[str, dict[date, Decimal]] = defaultdict(dict)
    for line in deal.lines:
        role = entity.role_named(line.role) if line.role else None
        if role is not None and rate_fits(line.unit_price):
            by_role[role].setdefault(line.effective_from or starts_on(deal), line.unit_price)
    rows: list[Draft] = []
    for role in sorted(by_role):
        days = sorted(by_role[role])
        ends = [following - _ONE_DAY for following in days[1:]]
        for begin, end in zip(days, [*ends, None], strict=True):
            rows.append(
                {
                    "row": f"rates#{len(rows) + 1}",
                    "role": role,
                    "rate": by_role[role][begin].quantize(RATE_STEP),
                    "effective_from": begin,
                    "effective_to": end,
                }
            )
    return rows


def _retainers(deal: Deal) -> list[Draft]:
    names = _names(lines_of_kind(deal, LineKind.RETAINER), lambda _line: RETAINER)
    return [_retainer(deal, line, name) for line, name in names]


def _retainer(deal: Deal, line: DealLine, name: str) -> Draft:
    told = line.retainer or RetainerTerms()
    return _told(
        {
            "line_id": name,
            "method": "retainer",
            "period": told.period.strip().casefold(),
            "starts": line.effective_from or starts_on(deal),
            "ends": deal.service_end,
            "fee": _money(deal, line.unit_price),
            "included_hours": _on_grid(line.quantity, QUANTITY_STEP),
            "overage_rate": told.overage_rate,
            "rollover": _told(
                {
                    "max_hours": told.rollover_hours_max,
                    "expires_after_periods": told.rollover_periods,
                }
            ),
            "deficit_rolls": told.deficit_rolls,
            "unused_at_close": told.unused_at_close.strip().casefold(),
        }
    )


def _milestones(deal: Deal) -> list[Draft]:
    sold = lines_of_kind(deal, LineKind.MILESTONE)
    if not sold:
        return []
    milestones = [
        {
            "milestone_id": line.item_id.strip() or line.description.strip(),
            "name": line.description.strip(),
            "amount": _amount(deal, line),
        }
        for line in sold
    ]
    return [{"line_id": MILESTONES, "method": "milestones", "milestones": milestones}]


def _fixed_fee(deal: Deal) -> list[Draft]:
    """The price is the sum of the instalments, the term that of the service."""
    sold = lines_of_kind(deal, LineKind.FEE)
    if not sold:
        return []
    sold.sort(key=lambda line: line.effective_from or date.max)
    schedule = [
        _told(
            {
                "item_id": name,
                "due_on": line.effective_from,
                "amount": _amount(deal, line),
                "description": line.description.strip(),
            }
        )
        for line, name in _names(sold, lambda line: str(line.effective_from or line.reference.id))
    ]
    line = {
        "line_id": FEE,
        "method": "fixed_fee",
        "price": _sum(_amount(deal, line) for line in sold),
        "schedule": schedule,
        "starts": starts_on(deal),
        "ends": deal.service_end,
    }
    return [_told(line)]


def _expenses(deal: Deal) -> list[Draft]:
    if deal.expense_markup_percent is None:
        return []
    markup = deal.expense_markup_percent
    return [{"line_id": EXPENSES, "method": "expenses", "markup_percent": markup}]


def _names(
    lines: Iterable[DealLine], usual: Callable[[DealLine], str]
) -> list[tuple[DealLine, str]]:
    """Each line with its own name, or the usual one, counted from the second on."""
    found: list[tuple[DealLine, str]] = []
    counted: Counter[str] = Counter()
    for line in lines:
        name = line.item_id.strip()
        if not name:
            name = usual(line)
            counted[name] += 1
            name = name if counted[name] == 1 else f"{name}#{counted[name]}"
        found.append((line, name))
    return found


def _told(values: Draft) -> Draft:
    """Without what the CRM does not say: the contract's own defaults hold, or it is missing."""
    return {name: value for name, value in values.items() if value not in (None, "", {})}


def _amount(deal: Deal, line: DealLine) -> Decimal:
    """Quantity x unit price; negative when either is, so that two minuses never make a price."""
    amount = _LENIENT.multiply(line.quantity, line.unit_price)
    is_negative = line.quantity < 0 or line.unit_price < 0
    return _money(deal, amount.copy_abs().copy_negate() if is_negative else amount)


def _money(deal: Deal, amount: Decimal) -> Decimal:
    if deal.currency not in MINOR_DIGITS:
        return amount
    return _on_grid(amount, minor_unit(deal.currency))


def _on_grid(value: Decimal, step: Decimal) -> Decimal:
    """With the digits of `step`; a value that is finer, or too large for it, stays as it is."""
    gridded = _LENIENT.quantize(value, step)
    return gridded if gridded == value else value


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = _LENIENT.add(total, amount)
    return total
