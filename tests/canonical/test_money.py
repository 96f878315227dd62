"""Money: whole minor units, one rounding, splits that add up."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from canonical.currencies import MINOR_DIGITS
from canonical.errors import CurrencyMismatch, RuleViolation
from canonical.money import Money, allocate, minor_unit, round_half_up, total
from tests.canonical.builders import euro

CENTS = st.integers(min_value=-(10**15), max_value=10**15).map(lambda n: Decimal(n).scaleb(-2))
AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=6)
CURRENCIES = st.sampled_from(sorted(MINOR_DIGITS))


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("0.005", "EUR", "0.01"),
        ("-0.005", "EUR", "-0.01"),
        ("2.345", "EUR", "2.35"),
        ("2.355", "EUR", "2.36"),
        ("2.3449999999", "EUR", "2.34"),
        ("64.35", "EUR", "64.35"),
        ("0.5", "JPY", "1"),
        ("-1.5", "JPY", "-2"),
        ("1.0005", "KWD", "1.001"),
        ("0.00005", "CLF", "0.0001"),
    ],
)
def test_ties_go_away_from_zero_on_the_grid_of_the_currency(
    amount: str, currency: str, rounded: str
) -> None:
    assert Money.rounded(Decimal(amount), currency).amount == Decimal(rounded)


@pytest.mark.parametrize("amount", ["-0.001", "-0.0", "-0"])
def test_a_zero_has_no_sign(amount: str) -> None:
    assert str(Money.rounded(Decimal(amount), "EUR")) == "0.00 EUR"
    assert str(-Money.zero("EUR")) == "0.00 EUR"


@given(AMOUNTS, CURRENCIES)
def test_rounding_moves_by_at_most_half_a_unit_and_is_done_once(
    amount: Decimal, currency: str
) -> None:
    money = Money.rounded(amount, currency)
    assert abs(money.amount - amount) <= minor_unit(currency) / 2
    assert Money.rounded(money.amount, currency) == money


@given(AMOUNTS, CURRENCIES)
def test_rounding_treats_both_signs_alike(amount: Decimal, currency: str) -> None:
    assert Money.rounded(-amount, currency) == -Money.rounded(amount, currency)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("0.001", "EUR"), ("0.1", "JPY"), ("1.0001", "KWD"), ("NaN", "EUR"), ("Infinity", "EUR")],
)
def test_what_is_no_whole_amount_is_refused(amount: str, currency: str) -> None:
    with pytest.raises(ValidationError):
        Money(amount=Decimal(amount), currency=currency)


def test_more_digits_than_decimals_can_hold_are_refused() -> None:
    with pytest.raises(ValidationError):
        Money(amount=Decimal("1" * 25), currency="EUR")


@pytest.mark.parametrize("code", ["", "eur", "EURO", "XXX", "ZZZ"])
def test_a_code_that_iso_does_not_list_is_refused(code: str) -> None:
    with pytest.raises(ValidationError, match="ISO 4217"):
        Money(amount=Decimal(1), currency=code)


@given(CENTS, CENTS)
def test_adding_and_subtracting_are_exact(one: Decimal, other: Decimal) -> None:
    left, right = Money(amount=one, currency="EUR"), Money(amount=other, currency="EUR")
    assert (left + right).amount == one + other
    assert left + right - right == left


@given(CENTS, CENTS)
def test_order_is_that_of_the_amounts(one: Decimal, other: Decimal) -> None:
    left, right = Money(amount=one, currency="EUR"), Money(amount=other, currency="EUR")
    assert (left < right) == (one < other)
    assert (left <= right) == (one <= other)
    assert bool(left) == (one != 0)


def test_currencies_never_mix() -> None:
    yen = Money.zero("JPY")
    with pytest.raises(CurrencyMismatch, match=r"JPY.*EUR"):
        euro("1.00") + yen
    with pytest.raises(CurrencyMismatch):
        _ = euro("1.00") < yen
    with pytest.raises(CurrencyMismatch):
        total([yen], "EUR")


@given(st.lists(CENTS, max_size=20))
def test_a_total_is_the_sum_and_zero_of_its_currency_for_nothing(amounts: list[Decimal]) -> None:
    money = [Money(amount=amount, currency="EUR") for amount in amounts]
    assert total(money, "EUR") == Money(amount=sum(amounts, Decimal(0)), currency="EUR")


@given(CENTS, CURRENCIES)
def test_money_survives_json(amount: Decimal, currency: str) -> None:
    money = Money.rounded(amount, currency)
    assert Money.model_validate_json(money.model_dump_json()) == money


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [("1234567.5", "EUR", "1,234,567.50 EUR"), ("1234", "JPY", "1,234 JPY")],
)
def test_money_is_written_with_its_decimals(amount: str, currency: str, text: str) -> None:
    assert str(Money(amount=Decimal(amount), currency=currency)) == text


SPLITS = {
    "three thirds": ("100.00", ["1", "1", "1"], ["33.34", "33.33", "33.33"]),
    "largest remainder first": ("1.00", ["1", "2", "3"], ["0.17", "0.33", "0.50"]),
    "ties in listed order": ("0.01", ["1", "1"], ["0.01", "0.00"]),
    "a credit": ("-100.00", ["1", "1", "1"], ["-33.34", "-33.33", "-33.33"]),
    "nothing to split": ("0.00", ["1", "2"], ["0.00", "0.00"]),
    "a share of nothing": ("5.00", ["0", "1"], ["0.00", "5.00"]),
}


@pytest.mark.parametrize(("whole", "weights", "shares"), SPLITS.values(), ids=SPLITS.keys())
def test_a_split_gives_left_over_cents_to_the_largest_remainders(
    whole: str, weights: list[str], shares: list[str]
) -> None:
    found = allocate(Decimal(whole), [Decimal(each) for each in weights], Decimal("0.01"))
    assert found == [Decimal(each) for each in shares]


WEIGHTS = st.lists(
    st.decimals(min_value=0, max_value=10_000, places=3, allow_nan=False), min_size=1, max_size=12
)


@given(CENTS, WEIGHTS)
def test_the_parts_of_a_split_add_up_exactly(whole: Decimal, weights: list[Decimal]) -> None:
    assume(sum(weights) > 0)
    shares = allocate(whole, weights, Decimal("0.01"))
    assert sum(shares, Decimal(0)) == whole
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - whole * weight / sum(weights)) < Decimal("0.01")


@pytest.mark.parametrize(
    ("whole", "weights"),
    [("1.00", []), ("1.00", ["0", "0"]), ("1.00", ["2", "-1"]), ("1.001", ["1"])],
)
def test_a_split_that_cannot_be_right_is_refused(whole: str, weights: list[str]) -> None:
    with pytest.raises(RuleViolation):
        allocate(Decimal(whole), [Decimal(each) for each in weights], Decimal("0.01"))


def test_quantities_are_rounded_on_their_own_grid() -> None:
    assert round_half_up(Decimal("7.00005"), Decimal("0.0001")) == Decimal("7.0001")
