"""Money: a decimal with its ISO 4217 currency, and the only rounding of the product."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal, localcontext
from functools import cache
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from canonical.base import Noun
from canonical.currencies import MINOR_DIGITS
from canonical.errors import CurrencyMismatch, RuleViolation

QUANTITY_STEP = Decimal("0.0001")
"""Quantities (hours, units) are kept in steps of 0.0001 (accounting rules, convention 6)."""
AMOUNT_DIGITS_MAX = 24
"""More digits are no money, and would not fit the 28 digits in which decimals are computed."""

_ZERO = Decimal(0)
_POWERS_OF_TEN = frozenset(Decimal(1).scaleb(-digits) for digits in range(13))
"""The usual grids: on them one operation rounds, and a billing run rounds every entry."""


def _known_currency(code: str) -> str:
    if code not in MINOR_DIGITS:
        raise ValueError(
            f"{code!r} is not an ISO 4217 currency code; use a three-letter code such as EUR"
        )
    return code


Currency = Annotated[str, AfterValidator(_known_currency)]


@cache
def minor_unit(currency: str) -> Decimal:
    """The smallest amount of a currency: 0.01 for EUR, 1 for JPY, 0.001 for KWD."""
    return Decimal(1).scaleb(-MINOR_DIGITS[_known_currency(currency)])


def round_half_up(value: Decimal, step: Decimal) -> Decimal:
    """`value` on the grid of `step`, ties away from zero (accounting rules, convention 2)."""
    if step in _POWERS_OF_TEN:
        return value.quantize(step, ROUND_HALF_UP) + _ZERO
    steps = (value / step).quantize(Decimal(1), ROUND_HALF_UP)
    return steps * step + _ZERO  # the sum turns -0.00 into 0.00


def reciprocal(rate: Decimal) -> Decimal:
    """1 / rate, to 28 digits and rounded up: an amount that is half a minor unit exactly stays one,
    and is rounded away from zero."""
    with localcontext(rounding=ROUND_UP):
        return 1 / rate


class Money(Noun):
    """An amount in whole minor units of its currency; anything finer is refused, never rounded."""

    amount: Decimal = Field(max_digits=AMOUNT_DIGITS_MAX)
    currency: Currency

    @model_validator(mode="after")
    def _whole_minor_units(self) -> Self:
        if not self.amount.is_finite():
            raise ValueError(f"{self.amount} is not an amount of money")
        if self.amount != round_half_up(self.amount, minor_unit(self.currency)):
            raise ValueError(
                f"{self.amount} {self.currency} is finer than the currency's minor unit "
                f"{minor_unit(self.currency)}; round it with Money.rounded"
            )
        return self

    @classmethod
    def rounded(cls, amount: Decimal, currency: str) -> Money:
        """`amount` rounded half-up to the currency's minor unit: the one place where money
        rounds."""
        return cls(amount=round_half_up(amount, minor_unit(currency)), currency=currency)

    @classmethod
    def zero(cls, currency: str) -> Money:
        return cls.rounded(Decimal(0), currency)

    def __add__(self, other: Money) -> Money:
        return Money.rounded(self.amount + self._same(other).amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money.rounded(self.amount - self._same(other).amount, self.currency)

    def __neg__(self) -> Money:
        return Money.rounded(-self.amount, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other).amount

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._same(other).amount

    def __bool__(self) -> bool:
        return self.amount != 0

    def __str__(self) -> str:
        digits = MINOR_DIGITS[self.currency]
        return f"{self.amount:,.{digits}f} {self.currency}"

    def _same(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise CurrencyMismatch(expected=self.currency, found=other.currency)
        return other


def total(amounts: Iterable[Money], currency: str) -> Money:
    """The sum of `amounts`, all in `currency`; zero of that currency when there are none.

    Raises CurrencyMismatch for an amount in another currency.
    """
    result = Money.zero(currency)
    for amount in amounts:
        result = result + amount
    return result


def allocate(whole: Decimal, weights: Sequence[Decimal], step: Decimal) -> list[Decimal]:
    """Split `whole` by `weights` in steps of `step`, so that the parts add up exactly.

    Each share is rounded down (towards zero), the left-over steps go to the largest remainders,
    ties
    in listed order (accounting rules, convention 6). Raises RuleViolation when no weight is
    positive
    or when `whole` is not on the grid.
    """
    weight_sum = sum(weights, _ZERO)
    if weight_sum <= 0 or min(weights) < 0:
        raise RuleViolation("weights must not be negative and must add up to more than zero")
    if whole % step != 0:
        raise RuleViolation(f"{whole} is not a multiple of {step}")
    size = abs(whole)
    exact = [size * weight / weight_sum for weight in weights]
    shares = [_round_down(part, step) for part in exact]
    left_over = size - sum(shares, _ZERO)
    if left_over:
        behind = [share - part for share, part in zip(shares, exact, strict=True)]
        by_remainder = sorted(range(len(weights)), key=behind.__getitem__)
        for index in by_remainder[: int(left_over / step)]:
            shares[index] += step
    return shares if whole >= 0 else [-share for share in shares]


def _round_down(value: Decimal, step: Decimal) -> Decimal:
    if step in _POWERS_OF_TEN:
        return value.quantize(step, ROUND_DOWN)
    return (value / step).quantize(Decimal(1), ROUND_DOWN) * step
