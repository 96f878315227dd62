"""How a country writes amounts, percentages and dates."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.currencies import MINOR_DIGITS
from canonical.money import Money

_NO_BREAK_SPACE = "\u00a0"
_APOSTROPHE = "\u2019"


class Format(NamedTuple):
    """One country's habits. `day` is a template of year, month and day."""

    decimal_mark: str
    group_mark: str
    day: str

    def number(self, value: Decimal, digits: int) -> str:
        """`value` with exactly `digits` decimals; the caller has rounded."""
        plain = f"{value:,.{digits}f}"
        return plain.translate({ord(","): self.group_mark, ord("."): self.decimal_mark})

    def amount(self, money: Money) -> str:
        """The amount with its currency's decimals, without the currency."""
        return self.number(money.amount, MINOR_DIGITS[money.currency])

    def money(self, money: Money) -> str:
        return f"{self.amount(money)}{_NO_BREAK_SPACE}{money.currency}"

    def percent(self, fraction: Decimal) -> str:
        """0.19 as `19 %`, 0.077 as `7,7 %`."""
        plain = f"{(fraction * 100).normalize():f}"
        return f"{plain.replace('.', self.decimal_mark)}{_NO_BREAK_SPACE}%"

    def date(self, day: date) -> str:
        return self.day.format(year=day.year, month=day.month, day=day.day)


_DOTS, _SLASHES = "{day:02}.{month:02}.{year:04}", "{day:02}/{month:02}/{year:04}"
_DASHES, _ISO = "{day:02}-{month:02}-{year:04}", "{year:04}-{month:02}-{day:02}"

NEUTRAL = Format(".", ",", _ISO)
"""For countries that are not listed."""

_FORMATS: dict[Format, str] = {
    Format(",", ".", _DOTS): "DE AT DK HR SI TR RO",
    Format(".", _APOSTROPHE, _DOTS): "CH LI",
    Format(",", _NO_BREAK_SPACE, _DOTS): "CZ SK PL FI NO EE LV BG UA",
    Format(",", _NO_BREAK_SPACE, _ISO): "SE LT HU",
    Format(",", _NO_BREAK_SPACE, _SLASHES): "FR PT",
    Format(",", ".", _SLASHES): "BE ES GR IT LU BR",
    Format(",", ".", _DASHES): "NL",
    Format(".", ",", _SLASHES): "GB IE MT CY AU NZ IN",
    Format(".", ",", "{month:02}/{day:02}/{year:04}"): "US",
}
_BY_COUNTRY = {country: style for style, listed in _FORMATS.items() for country in listed.split()}


def format_of(country: str) -> Format:
    """The habits of an ISO 3166-1 alpha-2 country; neutral ones when it is not listed."""
    return _BY_COUNTRY.get(country, NEUTRAL)
