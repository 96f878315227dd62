"""The group's currency: each row translated once, what rounding leaves is shown."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import ValidationError

from canonical.reports.group import GroupCurrency, RateNotStated
from canonical.reports.rows import Position, PositionRow
from canonical.reports.totals import Total, Totals, translated

GROUP = GroupCurrency(currency="EUR", rates={"USD": Decimal("0.915"), "JPY": Decimal("0.0061")})


def row(asset: str, currency: str = "USD", entity: str = "WEST") -> PositionRow:
    zero = Decimal(0)
    return PositionRow(
        legal_entity=entity,
        currency=currency,
        document_currency=currency,
        contract="1",
        project="A",
        client="Client",
        position=Position.of(
            currency,
            asset=Decimal(asset),
            retention=zero,
            liability=zero,
            revenue=Decimal(asset),
            billed=zero,
        ),
        revaluation=zero,
    )


def totals_of(*rows: PositionRow) -> list[Total]:
    totals = Totals(GROUP)
    for each in rows:
        totals.add(translated(each, GROUP))
    return totals.totals()


def test_a_row_is_translated_half_up_to_the_group_s_minor_unit() -> None:
    assert translated(row("1.00"), GROUP).group["asset"] == Decimal("0.92")
    assert translated(row("1000", "JPY"), GROUP).group["asset"] == Decimal("6.10")
    assert translated(row("1.00", "EUR"), GROUP).group["asset"] == Decimal("1.00")


def test_without_a_group_nothing_is_translated() -> None:
    assert translated(row("1.00"), None).group == {}


def test_a_total_is_the_sum_of_its_rows_and_shows_what_rounding_left() -> None:
    """Three times 0.915 are three times 0.92, but 2.75 together."""
    west, group = totals_of(row("1.00"), row("1.00"), row("1.00"))
    assert (west.amounts["asset"], west.group["asset"]) == (Decimal("3.00"), Decimal("2.76"))
    assert west.rounding["asset"] == Decimal("0.01")
    assert (group.legal_entity, group.amounts["asset"], group.rounding["asset"]) == (
        "",
        Decimal("2.76"),
        Decimal("0.01"),
    )


def test_entities_and_currencies_are_summed_apart_and_then_as_a_group() -> None:
    found = totals_of(row("1.00"), row("2.00", "EUR", "NORTH"))
    named = [(each.legal_entity, each.currency, each.amounts["asset"]) for each in found]
    assert named == [
        ("NORTH", "EUR", Decimal("2.00")),
        ("WEST", "USD", Decimal("1.00")),
        ("", "EUR", Decimal("2.92")),
    ]


def test_a_currency_without_a_rate_is_named_with_the_option_that_states_it() -> None:
    with pytest.raises(RateNotStated, match="no rate for CHF/EUR, GBP/EUR") as refused:
        GROUP.require(["EUR", "USD", "GBP", "CHF"])
    assert "--rate" in refused.value.remedy
    GROUP.require(["EUR", "USD"])


@pytest.mark.parametrize("rate", ["0", "-1"])
def test_a_rate_is_more_than_zero(rate: str) -> None:
    with pytest.raises(ValidationError):
        GroupCurrency(currency="EUR", rates={"USD": Decimal(rate)})
