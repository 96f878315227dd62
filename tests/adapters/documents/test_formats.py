"""Numbers and dates as each country writes them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from adapters.documents.formats import format_of
from canonical.money import Money
from tests.canonical.builders import day


@pytest.mark.parametrize(
    ("country", "currency", "amount", "date"),
    [
        ("DE", "EUR", "-1.234.567,80 EUR", "02.04.2026"),
        ("CH", "CHF", "-1\u2019234\u2019567.80 CHF", "02.04.2026"),
        ("FR", "EUR", "-1 234 567,80 EUR", "02/04/2026"),
        ("SE", "SEK", "-1 234 567,80 SEK", "2026-04-02"),
        ("NL", "EUR", "-1.234.567,80 EUR", "02-04-2026"),
        ("GB", "GBP", "-1,234,567.80 GBP", "02/04/2026"),
        ("US", "USD", "-1,234,567.80 USD", "04/02/2026"),
        ("ZZ", "KWD", "-1,234,567.800 KWD", "2026-04-02"),
    ],
)
def test_a_country_writes_amounts_and_dates_its_way(
    country: str, currency: str, amount: str, date: str
) -> None:
    style = format_of(country)
    money = Money(amount=Decimal("-1234567.8"), currency=currency)
    assert style.money(money).replace("\u00a0", " ") == amount
    assert style.date(day("2026-04-02")) == date


@pytest.mark.parametrize(
    ("rate", "text"), [("0.19", "19 %"), ("0.077", "7,7 %"), ("0", "0 %"), ("0.2", "20 %")]
)
def test_a_rate_is_written_in_percent_without_idle_zeros(rate: str, text: str) -> None:
    assert format_of("DE").percent(Decimal(rate)).replace("\u00a0", " ") == text
