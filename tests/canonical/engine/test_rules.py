"""The rules one by one, as tables with figures worked out by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.contract import RateRow, TaxMode
from canonical.errors import RateMissing, RuleViolation
from canonical.invoice import TaxCategory
from canonical.rules import fee_rules, work_rules
from canonical.rules.caps import Limit, cut
from canonical.rules.labour_discount import discounts
from canonical.rules.multipliers import premiums_on, segments
from canonical.rules.progress import (
    Baseline,
    Report,
    loss_provision,
    percent_complete,
    straight_line,
)
from canonical.rules.rate_precedence import RateBook
from canonical.rules.retainer import terms
from canonical.rules.shares import Share, rest_shares, shares
from canonical.rules.tax import PricedLine, TaxAmount, TaxKey, credited_tax, tax_document
from canonical.rules.value_adjustments import Approved, effective_on, percent_of
from canonical.terms.lines import RetainerLine, RetainerPeriod
from canonical.terms.policies import Multipliers, RateLevel, Stacking

CENT = Decimal("0.01")
DAY = date(2026, 6, 1)


def money(text: str) -> Decimal:
    return Decimal(text)


def row(level: RateLevel, rate: str, *, role: str = "Dev", person: str = "") -> RateRow:
    return RateRow(
        row=level.value,
        level=level,
        role=role,
        person=person,
        rate=Decimal(rate),
        effective_from=date(2026, 1, 1),
    )


ROWS = [
    row(RateLevel.DEFAULT, "80", role=""),
    row(RateLevel.CUSTOMER_CARD, "90"),
    row(RateLevel.CONTRACT_ROLE, "100"),
    row(RateLevel.PROJECT_ROLE, "110"),
    row(RateLevel.PERSON, "120", role="", person="Ann"),
]


def test_the_rules_are_found_by_their_folder() -> None:
    assert set(work_rules()) == {"time_and_materials", "expenses", "retainer"}
    assert set(fee_rules()) == {"retainer", "milestones", "fixed_fee"}


@pytest.mark.parametrize(
    ("person", "known", "chosen"),
    [
        ("Ann", 5, "person"),
        ("Bob", 5, "project_role"),
        ("Bob", 3, "contract_role"),
        ("Bob", 2, "customer_card"),
        ("Bob", 1, "default"),
    ],
)
def test_the_strongest_rate_wins_and_names_what_it_beat(
    person: str, known: int, chosen: str
) -> None:
    found = RateBook("time", ROWS[:known]).resolve(person, "Dev", DAY, "T1")
    assert found.row.row == chosen
    assert len(found.beaten) == known - 1 - (person == "Bob" and known == 5)


def test_a_role_without_a_rate_is_refused_by_name() -> None:
    with pytest.raises(RateMissing, match="contract line time has no rate for role 'Chef'"):
        RateBook("time", ROWS[2:4]).resolve("Bob", "Chef", DAY, "T1")


SATURDAY = date(2026, 6, 6)
HOLIDAY_SATURDAY = date(2026, 8, 15)


@pytest.mark.parametrize(
    ("stacking", "hours", "before", "day", "expected"),
    [
        (Stacking.HIGHEST_ONLY, "9.5", "0", DAY, [("8", "1"), ("1.5", "1.5")]),
        (Stacking.HIGHEST_ONLY, "2", "7", DAY, [("1", "1"), ("1", "1.5")]),
        (Stacking.HIGHEST_ONLY, "2", "8", DAY, [("2", "1.5")]),
        (Stacking.HIGHEST_ONLY, "8", "0", DAY, [("8", "1")]),
        (Stacking.HIGHEST_ONLY, "10", "0", SATURDAY, [("10", "2")]),
        (Stacking.MULTIPLY, "10", "0", SATURDAY, [("8", "2"), ("2", "3.0")]),
        (Stacking.ADD, "10", "0", SATURDAY, [("8", "2"), ("2", "2.5")]),
        (Stacking.HIGHEST_ONLY, "1", "0", HOLIDAY_SATURDAY, [("1", "3")]),
        (Stacking.MULTIPLY, "1", "0", HOLIDAY_SATURDAY, [("1", "6")]),
        (Stacking.ADD, "1", "0", HOLIDAY_SATURDAY, [("1", "4")]),
    ],
)
def test_premiums_split_the_hours_of_a_day(
    stacking: Stacking, hours: str, before: str, day: date, expected: list[tuple[str, str]]
) -> None:
    policy = Multipliers(
        daily_over=Decimal(8),
        weekend=Decimal(2),
        holiday=Decimal(3),
        holidays=(HOLIDAY_SATURDAY,),
        stacking=stacking,
    )
    found = segments(policy, premiums_on(policy, day), Decimal(hours), Decimal(before))
    assert [(each.quantity, each.factor) for each in found] == [
        (Decimal(quantity), Decimal(factor)) for quantity, factor in expected
    ]


MONEY = Limit("money", "MONEY", Decimal(1000), by_hours=False)
HOURS = Limit("hours", "HOURS", Decimal(10), by_hours=True)


@pytest.mark.parametrize(
    ("limits", "used", "expected"),
    [
        ([MONEY], {}, ("8", "1200", "MONEY", "6.6667", "1000")),
        ([HOURS], {}, ("8", "1200", "", "8", "1200")),
        ([HOURS], {"hours": "9"}, ("8", "1200", "HOURS", "1", "150")),
        ([HOURS, MONEY], {"hours": "4"}, ("8", "1200", "HOURS", "6", "900")),
        ([MONEY, HOURS], {"hours": "4", "money": "200"}, ("8", "1200", "MONEY", "5.3333", "800")),
        ([MONEY], {"money": "1000"}, ("8", "1200", "MONEY", "0", "0")),
        ([MONEY], {"money": "2000"}, ("8", "1200", "MONEY", "0", "0")),
        ([MONEY], {"money": "999.99"}, ("8", "1200", "MONEY", "0.0001", "0.01")),
    ],
)
def test_the_tightest_limit_cuts_and_is_named(
    limits: list[Limit], used: dict[str, str], expected: tuple[str, str, str, str, str]
) -> None:
    quantity, amount, name, fits_quantity, fits_amount = expected
    consumed = {key: Decimal(each) for key, each in used.items()}
    found = cut(Decimal(quantity), Decimal(amount), Decimal(150), limits, consumed, CENT)
    assert (found.quantity, found.amount, found.cap_id) == (
        Decimal(fits_quantity),
        Decimal(fits_amount),
        name,
    )


@given(
    quantity=st.decimals("0.0002", "24", places=4),
    rate=st.decimals("0.01", "500", places=2),
    room=st.decimals("0.01", "5000", places=2),
)
def test_a_cut_leaves_hours_for_the_rest_and_stays_under_the_cap(
    quantity: Decimal, rate: Decimal, room: Decimal
) -> None:
    amount = (quantity * rate).quantize(CENT)
    limit = Limit("m", "M", room, by_hours=False)
    found = cut(quantity, amount, rate, [limit], {}, CENT)
    assert found.amount <= room
    assert found.quantity == quantity if not found.cap_id else found.quantity < quantity


def test_shares_are_rounded_down_and_the_rest_goes_to_the_largest_remainder() -> None:
    weights = [Decimal("0.3333"), Decimal("0.3333"), Decimal("0.3334")]
    found = shares(Decimal("1.0001"), money("100.00"), weights, CENT)
    assert found == [
        Share(Decimal("0.3333"), money("33.33")),
        Share(Decimal("0.3333"), money("33.33")),
        Share(Decimal("0.3335"), money("33.34")),
    ]


def test_a_payer_never_gets_more_than_is_left_of_its_share() -> None:
    left = [Share(Decimal("0.5"), money("50")), Share(Decimal("0.1"), money("10"))]
    half = [Decimal("0.5"), Decimal("0.5")]
    found = rest_shares(Decimal("0.6"), money("60"), half, left, CENT)
    assert found == left


def test_a_discount_is_computed_once_and_adds_up() -> None:
    amounts = [money("960.00"), money("270.00"), money("960.00"), money("978.75")]
    found = discounts(amounts, Decimal(4), CENT)
    assert found == [money("38.40"), money("10.80"), money("38.40"), money("39.15")]


STANDARD = TaxKey("VAT", "DE", TaxCategory.STANDARD, Decimal("0.19"))
REVERSE = TaxKey("RC", "DE", TaxCategory.REVERSE_CHARGE, Decimal(0))
FIVE = [money("288.93"), money("1166.62"), money("270.68"), money("211.70"), money("828.04")]


@pytest.mark.parametrize(
    ("mode", "tax"), [(TaxMode.PER_RATE_TOTAL, "525.53"), (TaxMode.PER_LINE, "525.54")]
)
def test_the_two_modes_differ_by_a_cent(mode: TaxMode, tax: str) -> None:
    found = tax_document([PricedLine(net, STANDARD) for net in FIVE], mode, False, CENT)
    assert [row.amount for row in found.rows] == [money(tax)]


def test_reverse_charge_has_a_row_and_no_tax_at_all_has_none() -> None:
    lines = [PricedLine(money("10"), REVERSE), PricedLine(money("5"), None)]
    found = tax_document(lines, TaxMode.PER_RATE_TOTAL, False, CENT)
    assert found.rows == (TaxAmount(REVERSE, money("10"), money("0")),)


@given(
    prices=st.lists(st.decimals("0.01", "99999", places=2), min_size=1, max_size=8),
    mode=st.sampled_from(TaxMode),
)
def test_prices_with_tax_keep_their_gross(prices: list[Decimal], mode: TaxMode) -> None:
    found = tax_document([PricedLine(price, STANDARD) for price in prices], mode, True, CENT)
    assert sum(found.nets) + sum(row.amount for row in found.rows) == sum(prices)
    assert sum(found.nets) == found.rows[0].base


@given(
    nets=st.lists(st.decimals("0.01", "9999", places=2), min_size=2, max_size=6),
    mode=st.sampled_from(TaxMode),
)
def test_any_series_of_credits_ends_at_zero(nets: list[Decimal], mode: TaxMode) -> None:
    """Lines are credited one by one; each credit's tax is before less after."""
    states = [
        tax_document(
            [
                PricedLine(net if number >= gone else Decimal(0), STANDARD)
                for number, net in enumerate(nets)
            ],
            mode,
            False,
            CENT,
        )
        for gone in range(len(nets) + 1)
    ]
    credited = [
        row.amount
        for before, after in pairwise(states)
        for row in credited_tax(
            {row.key: row for row in before.rows}, {row.key: row for row in after.rows}
        )
    ]
    assert sum(credited) == -states[0].rows[0].amount


@pytest.mark.parametrize(
    ("to_date", "estimate", "expected"),
    [
        ("20000", "80000", "30000.00"),
        ("63000", "93000", "81290.32"),
        ("93000", "93000", "120000.00"),
        ("0", "80000", "0.00"),
    ],
)
def test_progress_is_rounded_once_on_the_cumulative_figure(
    to_date: str, estimate: str, expected: str
) -> None:
    report = Report(DAY, Decimal(to_date), Decimal(estimate))
    assert percent_complete(money("120000"), report, Baseline(), CENT) == money(expected)


def test_more_cost_than_the_estimate_is_refused() -> None:
    with pytest.raises(RuleViolation, match="raise the estimate"):
        percent_complete(money("1"), Report(DAY, Decimal(11), Decimal(10)), Baseline(), CENT)


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        ("2027-12-31", "0.00"),
        ("2028-01-31", "340.66"),
        ("2028-02-29", "659.34"),
        ("2028-03-31", "1000.00"),
        ("2029-01-01", "1000.00"),
    ],
)
def test_straight_line_counts_days_with_the_leap_day(on: str, expected: str) -> None:
    first, last = date(2028, 1, 1), date(2028, 3, 31)
    day = date.fromisoformat(on)
    assert straight_line(money("1000"), first, last, day, Baseline(), CENT) == money(expected)


@pytest.mark.parametrize(
    ("to_date", "estimate", "expected"),
    [("30000", "120000", "15000.00"), ("50000", "100000", "0"), ("1", "3", "0")],
)
def test_a_loss_is_provided_for_what_is_still_to_do(
    to_date: str, estimate: str, expected: str
) -> None:
    report = Report(DAY, Decimal(to_date), Decimal(estimate))
    assert loss_provision(money("100000"), report, CENT) == money(expected)


@pytest.mark.parametrize(
    ("period", "starts", "through", "expected"),
    [
        (RetainerPeriod.MONTH, "2026-01-31", "2026-03-01", ["2026-01-31", "2026-02-28"]),
        (
            RetainerPeriod.MONTH,
            "2028-01-31",
            "2028-03-31",
            ["2028-01-31", "2028-02-29", "2028-03-31"],
        ),
        (
            RetainerPeriod.QUARTER,
            "2026-01-15",
            "2026-07-15",
            ["2026-01-15", "2026-04-15", "2026-07-15"],
        ),
        (RetainerPeriod.YEAR, "2024-02-29", "2025-02-28", ["2024-02-29", "2025-02-28"]),
        (RetainerPeriod.MONTH, "2026-01-01", "2025-12-31", []),
    ],
)
def test_a_retainer_period_begins_on_its_day_of_the_month(
    period: RetainerPeriod, starts: str, through: str, expected: list[str]
) -> None:
    line = RetainerLine(
        line_id="r",
        period=period,
        starts=date.fromisoformat(starts),
        fee=Decimal(1),
        included_hours=Decimal(1),
        overage_rate=Decimal(1),
    )
    found = terms(line, date.fromisoformat(through))
    assert [str(term.first) for term in found] == expected
    assert all((second.first - first.last).days == 1 for first, second in pairwise(found))


FIRST, SECOND = date(2026, 2, 1), date(2026, 2, 10)


@pytest.mark.parametrize(
    ("approvals", "amount", "expected"),
    [
        ([], "100", None),
        ([Approved("Max", "partner", FIRST)], "100", FIRST),
        ([Approved("Max", "partner", FIRST)], "300", FIRST),
        ([Approved("Max", "partner", FIRST)], "300.01", None),
        ([Approved("Fiona", "finance", FIRST)], "300.01", None),
        (
            [Approved("Max", "partner", FIRST), Approved("Fiona", "finance", SECOND)],
            "300.01",
            SECOND,
        ),
        ([Approved("Max", "partner", FIRST), Approved("Jo", "partner", SECOND)], "300.01", None),
    ],
)
def test_a_change_counts_from_its_last_required_approval(
    approvals: list[Approved], amount: str, expected: date | None
) -> None:
    found = effective_on("Paula", approvals, Decimal(amount), Decimal(300), FIRST)
    assert found == expected


def test_a_percentage_of_nothing_is_not_zero() -> None:
    assert percent_of(Decimal(0), Decimal(0)) is None
    assert percent_of(Decimal(1), Decimal(3)) == Decimal("33.33")
