"""The terms sheet of a deal: laid over what the lines gave, silent on what is not its."""

from __future__ import annotations

from decimal import Decimal

import pytest

from canonical.contract import TimeAndMaterialsLine
from canonical.contract_draft import OWNED
from canonical.deal import TermsUnreadable
from canonical.overlay import lay_over, line_changes
from canonical.terms.lines import FixedFeeLine, MilestonesLine, RetainerLine, RetentionTax
from canonical.terms.policies import RevenueTiming
from tests.canonical.deals import (
    codes_of,
    contract_of,
    fee_line,
    findings_of,
    line_of,
    make_deal,
    milestone_line,
    retainer_line,
    role_line,
    sold_by,
)


def test_policies_are_those_of_the_contract() -> None:
    contract = contract_of(
        make_deal(
            sheet="""
labour_discount_percent: 5
caps: [{cap_id: NTE, amount: 50000.00, currency: EUR, per: month}]
multipliers: {daily_over: 8, overtime: 1.5, weekend: 2}
accrue_unapproved: true
net_days: 14
"""
        )
    )
    assert contract.labour_discount_percent == 5
    assert [cap.amount for cap in contract.caps] == [Decimal(50_000)]
    assert contract.multipliers is not None
    assert contract.multipliers.weekend == 2
    assert (contract.accrue_unapproved, contract.net_days) == (True, 14)


def test_a_lines_fields_are_replaced_one_by_one() -> None:
    sheet = "lines: [{line_id: milestones, retention_percent: 10, retention_tax: with_milestone}]"
    deal = sold_by("milestones", milestone_line("Design", "1000.00"), sheet=sheet)
    line = line_of(deal, "milestones")
    assert isinstance(line, MilestonesLine)
    assert line.retention_percent == 10
    assert line.retention_tax is RetentionTax.WITH_MILESTONE
    assert [each.milestone_id for each in line.milestones] == ["Design"]


def test_a_price_may_be_more_than_the_instalments_that_are_planned() -> None:
    sheet = "lines: [{line_id: fee, price: 30000, revenue: straight_line}]"
    line = line_of(sold_by("fixed_fee", fee_line("2026-06-30", "20000.00"), sheet=sheet), "fee")
    assert isinstance(line, FixedFeeLine)
    assert (line.price, line.revenue) == (Decimal(30_000), RevenueTiming.STRAIGHT_LINE)


def test_what_the_crm_has_no_field_for_may_stand_on_the_sheet_alone() -> None:
    sheet = """
lines:
  - {line_id: retainer, period: month, overage_rate: 180, rollover: {max_hours: 10}}
"""
    sold = retainer_line(period="", overage_rate=None)
    line = line_of(sold_by("retainer", sold, sheet=sheet), "retainer")
    assert isinstance(line, RetainerLine)
    assert (line.fee, line.rollover.max_hours) == (Decimal(3000), Decimal(10))


def test_a_line_that_the_deal_does_not_sell_is_added_with_the_contracts_tax_code() -> None:
    sheet = """
lines:
  - line_id: ms
    method: milestones
    milestones: [{milestone_id: M1, amount: 100.00}]
"""
    deal = sold_by("milestones", role_line("180"), sheet=sheet)
    assert codes_of(deal) == []
    assert [(line.line_id, line.tax_code) for line in contract_of(deal).lines] == [
        ("ms", "VAT19"),
        ("time", "VAT19"),
    ]


def test_a_line_may_be_taken_out() -> None:
    deal = make_deal(sheet="lines: [{line_id: expenses, remove: true}]")
    assert [line.line_id for line in contract_of(deal).lines] == ["time"]


def test_a_tax_code_of_the_contract_holds_for_every_line() -> None:
    contract = contract_of(make_deal(sheet="tax_code: OUT\nlines: [{line_id: time, tax_code: RC}]"))
    assert [(line.line_id, line.tax_code) for line in contract.lines] == [
        ("time", "RC"),
        ("expenses", "OUT"),
    ]


def test_a_person_may_have_a_rate_of_its_own() -> None:
    sheet = """
lines:
  - line_id: time
    rates:
      - {row: ada, level: person, role: "", person: "7", rate: 200, effective_from: 2026-03-01}
      - {row: rest, level: default, role: "", rate: 80, effective_from: 2026-03-01}
"""
    line = line_of(make_deal(sheet=sheet), "time")
    assert isinstance(line, TimeAndMaterialsLine)
    assert [row.row for row in line.rates] == ["ada", "rest"]


def test_the_deals_own_account_may_be_the_payer_by_its_code() -> None:
    deal = make_deal(sheet="payers: [{customer: K-10042, share: 1, tax_code: RC}]")
    assert codes_of(deal) == []
    contract = contract_of(deal)
    assert [payer.customer for payer in contract.payers] == [contract.bill_to]


@pytest.mark.parametrize("field", OWNED)
def test_who_bills_whom_and_from_when_is_not_the_sheets_to_say(field: str) -> None:
    (finding,) = findings_of(make_deal(sheet=f"{field}: 2026-01-01"))
    assert (finding.code, finding.field) == ("terms_field_owned", f"terms.{field}")
    assert field in finding.message


def test_a_sheet_that_could_not_be_read_is_told_with_its_line_and_the_rest_is_judged() -> None:
    why = TermsUnreadable(line=7, reason="it is a riddle", remedy="Solve it.")
    first, second = findings_of(make_deal(role_line("-1"), terms_unreadable=why))
    assert (first.code, first.remedy) == ("terms_unreadable", "Solve it.")
    assert "line 7" in first.message
    assert second.code == "rate_negative"


SHEETS = {
    "lines are no list": ("lines: {line_id: time}", ["terms_lines_unclear"]),
    "a line without name": ("lines: [{outside_caps: true}]", ["terms_lines_unclear"]),
    "a line told twice": (
        "lines: [{line_id: time}, {line_id: time, outside_caps: true}]",
        ["line_named_twice"],
    ),
    "a line that is not sold": ("lines: [{line_id: tme}]", ["method_missing"]),
    "a line of no known kind": ("lines: [{line_id: x, method: barter}]", ["method_unknown"]),
    "an unknown payer": ("payers: [{customer: ACME, share: 1}]", ["payer_unknown"]),
    "shares below one": ("payers: [{customer: K-10042, share: 0.9}]", ["payers_invalid"]),
    "a payer twice": (
        "payers: [{customer: K-10042, share: 0.5}, {customer: K-10042, share: 0.5}]",
        ["payers_invalid"],
    ),
    "a payer's tax code": (
        "payers: [{customer: K-10042, share: 1, tax_code: NONE}]",
        ["tax_unmapped"],
    ),
    "payers that are no list": ("payers: K-10042", ["payers_invalid"]),
    "payers that are no rows": ("payers: [[K-10042]]", ["payers_invalid"]),
}


@pytest.mark.parametrize(("sheet", "codes"), SHEETS.values(), ids=SHEETS.keys())
def test_a_sheet_that_cannot_be_meant_is_found(sheet: str, codes: list[str]) -> None:
    assert codes_of(make_deal(sheet=sheet)) == codes


def test_a_word_that_nobody_knows_is_told_with_the_one_that_may_be_meant() -> None:
    first, second = findings_of(
        make_deal(sheet="labor_discount_percent: 5\nlines: [{line_id: time, rate: []}]")
    )
    assert {first.code, second.code} == {"field_unknown"}
    assert "is rates meant?" in first.message
    assert "is labour_discount_percent meant?" in second.message


def test_terms_are_laid_over_lines_by_their_name() -> None:
    lines: list[dict[str, object]] = [{"line_id": "a", "x": 1, "y": 2}, {"line_id": "b"}]
    changes, problems = line_changes(
        [{"line_id": "a", "y": 3}, {"line_id": "b", "remove": True}, {"line_id": "c"}]
    )
    assert problems == []
    assert lay_over(lines, changes) == [{"line_id": "a", "x": 1, "y": 3}, {"line_id": "c"}]
