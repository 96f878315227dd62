"""What cannot be agreed is found: contract line, field, reason and remedy, all at once."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from canonical.deal import Deal, DealLine
from tests.canonical.deals import (
    codes_of,
    fee_line,
    findings_of,
    make_deal,
    milestone_line,
    other_line,
    retainer_line,
    role_line,
    sold_by,
)


class Found(NamedTuple):
    code: str
    field: str
    reason: str


def rates(*rows: str) -> str:
    return "lines: [{line_id: time, rates: [" + ", ".join(rows) + "]}]"


def row(name: str, rest: str, role: str = "Consultant", rate: str = "100") -> str:
    return f"{{row: {name}, role: {role}, rate: {rate}, effective_from: {rest}}}"


RETAINERS: dict[str, tuple[DealLine, Found]] = {
    "without period": (
        retainer_line(period=""),
        Found("period_missing", "contract.retainer.period", "missing"),
    ),
    "of an odd period": (
        retainer_line(period="fortnight"),
        Found(
            "period_invalid",
            "contract.retainer.period",
            "'month', 'quarter', 'half_year' or 'year'",
        ),
    ),
    "without overage rate": (
        retainer_line(overage_rate=None),
        Found("overage_rate_missing", "contract.retainer.overage_rate", "missing"),
    ),
    "without hours": (
        retainer_line(hours="0"),
        Found("included_hours_invalid", "contract.retainer.included_hours", "greater than 0"),
    ),
    "with a negative fee": (
        retainer_line(fee="-1"),
        Found("fee_negative", "contract.retainer.fee", "greater than or equal to 0"),
    ),
    "with a fee that cannot be paid": (
        retainer_line(fee="99.999"),
        Found("amount_too_fine", "contract.retainer.fee", "finer than 0.01 EUR"),
    ),
    "with roll-over of no hours": (
        retainer_line(rollover_periods=2),
        Found("max_hours_missing", "contract.retainer.rollover.max_hours", "missing"),
    ),
    "with an odd end": (
        retainer_line(unused_at_close="keep"),
        Found("unused_at_close_invalid", "contract.retainer.unused_at_close", "'refund'"),
    ),
    "before the contract": (
        retainer_line(since="2026-02-01"),
        Found("starts_before_contract", "contract.retainer.starts", "2026-03-01"),
    ),
    "that ends within a period": (
        retainer_line(since="2026-03-15"),
        Found("ends_within_period", "contract.retainer.ends", "2026-12-31"),
    ),
}


@pytest.mark.parametrize(("line", "found"), RETAINERS.values(), ids=RETAINERS.keys())
def test_a_retainer_that_cannot_be_billed(line: DealLine, found: Found) -> None:
    assert_found(sold_by("retainer", line), found)


def assert_found(deal: Deal, found: Found) -> None:
    (finding,) = findings_of(deal)
    assert (finding.code, finding.field) == (found.code, found.field)
    assert found.reason in finding.message
    assert finding.remedy


DESIGN, GO_LIVE = milestone_line("Design", "1000.00"), milestone_line("Go-live", "2000.00")
MARCH, JUNE = fee_line("2026-03-31", "10000.00"), fee_line("2026-06-30", "20000.00")
LONG = "x" * 121

DEALS = {
    "a milestone named twice": (
        sold_by("milestones", DESIGN, GO_LIVE, DESIGN),
        Found("milestone_twice", "contract.milestones", "contract line milestones"),
    ),
    "a milestone on two lines": (
        sold_by(
            "milestones",
            DESIGN,
            sheet="lines: [{line_id: ms, method: milestones, "
            "milestones: [{milestone_id: Design, amount: 1}]}]",
        ),
        Found("milestone_twice", "contract.milestones.Design", "milestones, ms"),
    ),
    "a milestone without name": (
        sold_by("milestones", milestone_line(" ", "1.00")),
        Found("milestone_id_invalid", "contract.milestones.milestone_id", "empty"),
    ),
    "a milestone with a name too long for an event": (
        sold_by("milestones", milestone_line(LONG, "1.00")),
        Found("milestone_id_invalid", "contract.milestones.milestone_id", "120"),
    ),
    "a negative milestone": (
        sold_by("milestones", milestone_line("Design", "-1.00")),
        Found("amount_negative", "contract.milestones.milestones.Design.amount", "0"),
    ),
    "a milestone of two minuses": (
        sold_by("milestones", milestone_line("Design", "-1.00", quantity="-1")),
        Found("amount_negative", "contract.milestones.milestones.Design.amount", "0"),
    ),
    "a milestone that cannot be paid": (
        sold_by("milestones", milestone_line("Design", "0.005")),
        Found("amount_too_fine", "contract.milestones.Design", "0.005"),
    ),
    "a milestone in whole yen": (
        sold_by("milestones", milestone_line("Design", "10.50"), currency="JPY"),
        Found("amount_too_fine", "contract.milestones.Design", "1 JPY"),
    ),
    "a retention of more than all": (
        sold_by(
            "milestones", DESIGN, sheet="lines: [{line_id: milestones, retention_percent: 101}]"
        ),
        Found(
            "retention_percent_invalid",
            "contract.milestones.retention_percent",
            "less than or equal to 100",
        ),
    ),
    "an instalment without date": (
        sold_by("fixed_fee", fee_line(None, "1.00")),
        Found("due_on_missing", "contract.fee.schedule.00k1.due_on", "missing"),
    ),
    "an instalment named twice": (
        sold_by("fixed_fee", MARCH, fee_line("2026-06-30", "1.00", item_id="2026-03-31")),
        Found("instalment_twice", "contract.fee.schedule.2026-03-31", "2 times"),
    ),
    "a schedule over the price": (
        sold_by("fixed_fee", MARCH, JUNE, sheet="lines: [{line_id: fee, price: 29999.99}]"),
        Found("schedule_over_price", "contract.fee", "30000.00"),
    ),
    "straight line without a term": (
        sold_by(
            "fixed_fee",
            MARCH,
            sheet="lines: [{line_id: fee, revenue: straight_line}]",
            service_end=None,
        ),
        Found("term_missing", "contract.fee", "straight-line"),
    ),
    "a fixed fee before the contract": (
        sold_by("fixed_fee", MARCH, sheet="lines: [{line_id: fee, starts: 2026-02-28}]"),
        Found("starts_before_contract", "contract.fee.starts", "2026-02-28"),
    ),
    "an unmapped tax code": (
        make_deal(sheet="lines: [{line_id: expenses, disbursement_tax_code: NONE}]"),
        Found("tax_unmapped", "contract.expenses.disbursement_tax_code", "NW-DE"),
    ),
    "an unmapped tax code of a line": (
        make_deal(sheet="lines: [{line_id: time, tax_code: NONE}]"),
        Found("tax_unmapped", "contract.time.tax_code", "NONE"),
    ),
    "a line of an unknown entity": (
        make_deal(sheet="lines: [{line_id: time, legal_entity: NOBODY}]"),
        Found("line_not_billable", "contract.time", "'NOBODY' is not known"),
    ),
    "a cap in another currency": (
        make_deal(sheet="caps: [{cap_id: NTE, amount: 1, currency: USD}]"),
        Found("cap_currency", "contract.caps.NTE", "USD"),
    ),
    "a cap on an unknown line": (
        make_deal(sheet="caps: [{cap_id: NTE, amount: 1, scope: line, line_id: nix}]"),
        Found("cap_line_unknown", "contract.caps.NTE", "nix"),
    ),
    "a cap by nothing": (
        make_deal(sheet="caps: [{cap_id: NTE}]"),
        Found("caps_invalid", "contract.caps.NTE", "`amount` or `hours`"),
    ),
    "a cap named twice": (
        make_deal(sheet="caps: [{cap_id: NTE, amount: 1}, {cap_id: NTE, hours: 1}]"),
        Found("caps_invalid", "contract.caps", "NTE is named twice"),
    ),
    "a policy that is no number": (
        make_deal(sheet="labour_discount_percent: five"),
        Found("labour_discount_percent_invalid", "contract.labour_discount_percent", "decimal"),
    ),
    "rates that overlap": (
        make_deal(sheet=rates(row("a", "2026-03-01"), row("b", "2026-04-01"))),
        Found("rates_overlap", "contract.time", "rate rows a and b overlap"),
    ),
    "a rate that ends before it begins": (
        make_deal(sheet=rates(row("a", "2026-03-01, effective_to: 2026-02-01"))),
        Found("rates_invalid", "contract.time.rates.a", "2026-02-01"),
    ),
    "a negative rate": (
        make_deal(sheet=rates(row("a", "2026-03-01", rate="-1"))),
        Found("rate_negative", "contract.time.rates.a.rate", "0"),
    ),
    "an unknown role": (
        make_deal(sheet=rates(row("a", "2026-03-01", role="Wizard"))),
        Found("role_unmapped", "contract.time.rates", "Wizard"),
    ),
    "a role in the CRM's words": (
        make_deal(sheet=rates(row("a", "2026-03-01", role="SNR"))),
        Found("role_unmapped", "contract.time.rates", "SNR"),
    ),
    "no rates": (
        make_deal(sheet="lines: [{line_id: time, rates: []}]"),
        Found("rates_missing", "contract.time.rates", "empty"),
    ),
    "a retainer named like another line": (
        sold_by("retainer", role_line("1"), retainer_line(item_id="time")),
        Found("line_named_twice", "contract.time", "2 contract lines"),
    ),
    "too many lines": (
        make_deal(
            sheet="lines: ["
            + ", ".join(f"{{line_id: e{n}, method: expenses}}" for n in range(499))
            + "]"
        ),
        Found("lines_too_many", "contract.lines", "500"),
    ),
    "a line that is no kind of ours": (
        make_deal(role_line("1"), other_line("Licence", "10.00")),
        Found("line_kind_unknown", "lines.00k2.kind", "Licence"),
    ),
    "a line without family": (
        make_deal(role_line("1"), other_line("", "10.00")),
        Found("line_kind_unknown", "lines.00k2.kind", "nothing"),
    ),
    "a line of no role": (
        make_deal(role_line("1"), role_line("2", role="")),
        Found("role_missing", "lines.00k2.role", "no role"),
    ),
}


@pytest.mark.parametrize(("deal", "found"), DEALS.values(), ids=DEALS.keys())
def test_what_cannot_be_agreed_is_found_with_line_field_and_reason(
    deal: Deal, found: Found
) -> None:
    assert_found(deal, found)


MISSING = {
    "time_and_materials": "rates_missing",
    "retainer": "retainer_missing",
    "milestones": "milestones_missing",
    "fixed_fee": "fee_missing",
}


@pytest.mark.parametrize(("method", "code"), MISSING.items(), ids=MISSING.keys())
def test_a_deal_without_a_line_of_its_method_is_found(method: str, code: str) -> None:
    others = {
        "time_and_materials": retainer_line(),
        "retainer": DESIGN,
        "milestones": MARCH,
        "fixed_fee": role_line("1"),
    }
    assert codes_of(sold_by(method, others[method])) == [code]


def test_a_line_that_sells_nothing_to_us_may_cost_nothing() -> None:
    assert codes_of(make_deal(role_line("1"), other_line("Licence", "0"))) == []


def test_no_mistake_hides_another() -> None:
    sheet = """
currency: USD
labour_discount_percent: 101
caps:
  - {cap_id: A, amount: 1, currency: USD}
  - {cap_id: B, amount: 1, line_id: nix}
  - {cap_id: C}
payers: [{customer: ACME, share: 0.5}, {customer: K-10042, share: 0.4, tax_code: Y}]
lines:
  - {line_id: fee, price: 1, revenue: straight_line, starts: 2026-01-01, tax_code: X}
  - {line_id: milestones, retention_percent: 101}
  - line_id: time
    rates:
      - {row: a, role: Wizard, rate: -1, effective_from: 2026-03-01}
      - {row: b, role: Consultant, rate: 1, effective_from: 2026-03-01}
      - {row: c, role: Consultant, rate: 2, effective_from: 2026-03-01}
"""
    deal = sold_by(
        "fixed_fee",
        MARCH,
        *(DESIGN, DESIGN, milestone_line("Late", "-1")),
        *(retainer_line(period=""), role_line("180")),
        sheet=sheet,
        service_end=None,
        is_won=False,
    )
    assert sorted(codes_of(deal)) == sorted(
        [
            *("deal_not_won", "terms_field_owned", "payer_unknown", "tax_unmapped"),
            *("schedule_over_price", "term_missing"),
            *("retention_percent_invalid", "amount_negative", "milestone_twice"),
            *("rate_negative", "rates_overlap", "role_unmapped", "period_missing"),
            *("labour_discount_percent_invalid", "payers_invalid"),
            *("cap_currency", "cap_line_unknown", "caps_invalid"),
        ]
    )


def test_faults_of_many_rows_are_all_told_and_none_of_the_good_ones() -> None:
    names = [f"M{number}" for number in range(12)]
    bad = {"M3", "M10"}
    lines = [milestone_line(name, "-1" if name in bad else "1") for name in names]
    found = findings_of(sold_by("milestones", *lines, milestone_line("M0", "1")))
    assert [each.field for each in found] == [
        "contract.milestones.milestones.M3.amount",
        "contract.milestones.milestones.M10.amount",
        "contract.milestones",
    ]


def test_a_deal_without_header_is_judged_all_the_same_and_nothing_is_found_that_follows() -> None:
    deal = sold_by(
        "retainer",
        retainer_line(period="", fee="10.001"),
        currency="XXL",
        net_days=None,
        service_start=None,
        account=None,
        sheet="caps: [{cap_id: A, amount: 1, currency: USD}]",
    )
    assert codes_of(deal) == [
        *("account_missing", "currency_invalid", "payment_terms_missing"),
        *("service_start_missing", "period_missing"),
    ]


def test_roles_that_are_refused_on_the_deals_lines_are_not_refused_again() -> None:
    assert codes_of(make_deal(role_line("-1"), sheet="lines: [{line_id: time}]")) == [
        "rate_negative"
    ]
