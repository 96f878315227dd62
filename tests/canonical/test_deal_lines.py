"""Each billing method: what a deal's lines become in the contract."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from canonical.deal import Deal
from canonical.terms.lines import (
    FixedFeeLine,
    MilestonesLine,
    RetainerLine,
    RetainerPeriod,
    Rollover,
    UnusedAtClose,
)
from canonical.terms.policies import RevenueTiming
from tests.canonical.deals import (
    STARTS,
    codes_of,
    contract_of,
    day,
    fee_line,
    line_of,
    milestone_line,
    other_line,
    retainer_line,
    role_line,
    sold_by,
)


def retainer_of(deal: Deal) -> RetainerLine:
    line = line_of(deal, "retainer")
    assert isinstance(line, RetainerLine)
    return line


def fee_of(deal: Deal) -> FixedFeeLine:
    line = line_of(deal, "fee")
    assert isinstance(line, FixedFeeLine)
    return line


def milestones_of(deal: Deal) -> MilestonesLine:
    line = line_of(deal, "milestones")
    assert isinstance(line, MilestonesLine)
    return line


def test_a_retainers_quantity_is_its_hours_and_its_price_the_fee_of_a_period() -> None:
    line = retainer_of(sold_by("retainer", retainer_line("20", "3000.00")))
    assert (line.included_hours, line.fee) == (Decimal(20), Decimal(3000))
    assert (line.period, line.overage_rate) == (RetainerPeriod.MONTH, Decimal(180))


def test_a_retainer_runs_from_service_start_to_service_end() -> None:
    line = retainer_of(sold_by("retainer", retainer_line()))
    assert (line.starts, line.ends) == (STARTS, day("2026-12-31"))
    later = retainer_of(sold_by("retainer", retainer_line(since="2026-04-01"), service_end=None))
    assert (later.starts, later.ends) == (day("2026-04-01"), None)


def test_a_retainer_without_more_terms_forfeits_what_is_not_used() -> None:
    line = retainer_of(sold_by("retainer", retainer_line()))
    assert line.rollover == Rollover(max_hours=Decimal(0), expires_after_periods=0)
    assert (line.deficit_rolls, line.unused_at_close) == (False, UnusedAtClose.FORFEIT)


def test_a_retainer_may_roll_over_and_refund() -> None:
    sold = retainer_line(
        period=" Quarter ",
        rollover_hours_max=Decimal(10),
        rollover_periods=2,
        deficit_rolls=True,
        unused_at_close="REFUND",
    )
    line = retainer_of(sold_by("retainer", sold, service_end=None))
    assert line.period is RetainerPeriod.QUARTER
    assert line.rollover == Rollover(max_hours=Decimal(10), expires_after_periods=2)
    assert (line.deficit_rolls, line.unused_at_close) == (True, UnusedAtClose.REFUND)


def test_roll_over_without_a_number_of_periods_lasts_one() -> None:
    line = retainer_of(sold_by("retainer", retainer_line(rollover_hours_max=Decimal(10))))
    assert line.rollover.expires_after_periods == 1


def test_two_retainers_are_two_lines_each_with_a_name() -> None:
    deal = sold_by("retainer", retainer_line(), retainer_line(), retainer_line(item_id="night"))
    names = [line.line_id for line in contract_of(deal).lines]
    assert names == ["retainer", "retainer#2", "night"]


def test_a_milestone_is_named_by_its_description_or_its_own_id() -> None:
    deal = sold_by(
        "milestones",
        milestone_line("Design", "1000.00"),
        milestone_line("Go-live", "500.00", item_id="M2", quantity="3"),
    )
    assert [
        (each.milestone_id, each.name, each.amount) for each in milestones_of(deal).milestones
    ] == [
        ("Design", "Design", Decimal(1000)),
        ("M2", "Go-live", Decimal(1500)),
    ]


def test_a_milestone_is_revenue_on_acceptance_and_nothing_is_retained() -> None:
    line = milestones_of(sold_by("milestones", milestone_line("Design", "1000.00")))
    assert line.revenue is RevenueTiming.ON_ACCEPTANCE
    assert line.retention_percent == 0


def test_the_price_of_a_fixed_fee_is_the_sum_of_its_instalments_by_date() -> None:
    deal = sold_by(
        "fixed_fee",
        fee_line("2026-06-30", "20000.00"),
        fee_line("2026-03-31", "5000.00", quantity="2"),
        fee_line("2026-06-30", "3000.00"),
        fee_line("2026-12-31", "1.00", item_id="last"),
    )
    fee = fee_of(deal)
    assert fee.price == Decimal(33_001)
    assert [(item.item_id, item.due_on, item.amount) for item in fee.schedule] == [
        ("2026-03-31", date(2026, 3, 31), Decimal(10_000)),
        ("2026-06-30", date(2026, 6, 30), Decimal(20_000)),
        ("2026-06-30#2", date(2026, 6, 30), Decimal(3_000)),
        ("last", date(2026, 12, 31), Decimal(1)),
    ]


def test_the_term_of_a_fixed_fee_is_that_of_the_service() -> None:
    fee = fee_of(sold_by("fixed_fee", fee_line("2026-06-30", "20000.00")))
    assert (fee.starts, fee.ends) == (STARTS, day("2026-12-31"))
    assert fee.revenue is RevenueTiming.PERCENT_COMPLETE


def test_an_instalment_may_be_due_before_the_service_begins() -> None:
    deal = sold_by("fixed_fee", fee_line("2026-02-15", "20000.00"))
    assert codes_of(deal) == []


ORDERS = {
    "time_and_materials": ["time", "retainer", "milestones", "fee", "expenses"],
    "retainer": ["retainer", "time", "milestones", "fee", "expenses"],
    "milestones": ["milestones", "time", "retainer", "fee", "expenses"],
    "fixed_fee": ["fee", "time", "retainer", "milestones", "expenses"],
}


@pytest.mark.parametrize(("method", "order"), ORDERS.items(), ids=ORDERS.keys())
def test_lines_of_other_kinds_stand_after_the_deals_own_method(
    method: str, order: list[str]
) -> None:
    deal = sold_by(
        method,
        role_line("180"),
        retainer_line(),
        milestone_line("Design", "1000.00"),
        fee_line("2026-06-30", "20000.00"),
        other_line("expenses", "700.00"),
        other_line("other", "900.00"),
        expense_markup_percent=Decimal(5),
    )
    assert codes_of(deal) == []
    assert [line.line_id for line in contract_of(deal).lines] == order


def test_amounts_have_the_digits_of_their_currency_however_the_crm_writes_them() -> None:
    whole, dotted = (
        milestones_of(sold_by("milestones", milestone_line("Design", amount)))
        for amount in ("1000", "1000.0000")
    )
    assert whole.model_dump_json() == dotted.model_dump_json()
    assert str(whole.milestones[0].amount) == "1000.00"
