"""Agreement: client, contract and project that follow from a valid deal."""

from __future__ import annotations

from decimal import Decimal

import pytest

from canonical.agreement import agree, compact_vat_id, project_code, rate_rows
from canonical.contract import ExpensesLine, TimeAndMaterialsLine
from canonical.deal import Deal
from tests.canonical.builders import (
    SENIOR,
    day,
    deal_line,
    deal_ref,
    make_account,
    make_deal,
    make_entity,
)

STARTS = day("2026-03-01")


def test_each_rate_ends_the_day_before_the_next_of_its_role_begins() -> None:
    deal = make_deal(
        deal_line("195", "2026-03-16"),
        deal_line("120", role="Consultant"),
        deal_line("180"),
        deal_line("210", "2027-01-01", role="senior consultant"),
    )
    rows = rate_rows(deal, make_entity(), STARTS)
    assert [(row.role, row.rate, row.effective_from, row.effective_to) for row in rows] == [
        ("Consultant", Decimal(120), STARTS, None),
        (SENIOR, Decimal(180), STARTS, day("2026-03-15")),
        (SENIOR, Decimal(195), day("2026-03-16"), day("2026-12-31")),
        (SENIOR, Decimal(210), day("2027-01-01"), None),
    ]
    assert [row.row for row in rows] == ["rates#1", "rates#2", "rates#3", "rates#4"]


def test_a_contract_gets_its_terms_from_deal_and_entity() -> None:
    contract = agree(make_deal(), make_entity()).contract
    time, expenses = contract.lines
    assert isinstance(time, TimeAndMaterialsLine)
    assert isinstance(expenses, ExpensesLine)
    assert (time.tax_code, expenses.markup_percent) == ("VAT19", Decimal(5))
    assert (contract.version, contract.effective_from) == (1, STARTS)
    assert (contract.currency, contract.net_days) == ("EUR", 30)
    assert contract.purchase_order == "4500012345"


def test_a_deal_without_a_mark_up_bills_no_expenses() -> None:
    contract = agree(make_deal(markup_percent=None), make_entity()).contract
    assert [line.method for line in contract.lines] == ["time_and_materials"]


def test_a_mark_up_of_zero_bills_expenses_at_cost() -> None:
    contract = agree(make_deal(markup_percent="0"), make_entity()).contract
    assert contract.line_of("expenses") is not None


def test_the_tax_code_follows_the_client() -> None:
    account = make_account(country="AT", vat_id="ATU13585627")
    contract = agree(make_deal(account=account), make_entity()).contract
    assert {line.tax_code for line in contract.lines} == {"RC"}


def test_a_client_keeps_its_code_or_gets_the_crms_id() -> None:
    assert agree(make_deal(), make_entity()).client.code == "K-10042"
    nameless = make_deal(account=make_account(code=""))
    assert agree(nameless, make_entity()).client.code == "001000000000001AAA"


@pytest.mark.parametrize("text", ["DE136695976", "de 136 695 976", "DE-136.695.976"])
def test_a_vat_id_is_kept_in_its_compact_form(text: str) -> None:
    assert compact_vat_id(text) == "DE136695976"
    client = agree(make_deal(account=make_account(vat_id=text)), make_entity()).client
    assert client.vat_id() == "DE136695976"


def test_a_plan_shows_team_and_rates_in_our_words() -> None:
    plan = agree(make_deal(), make_entity()).plan
    assert [(person.name, person.role) for person in plan.team] == [("Ada Becker", SENIOR)]
    assert [(each.role, each.rate) for each in plan.rates] == [
        (SENIOR, Decimal(180)),
        (SENIOR, Decimal(195)),
    ]
    assert (plan.starts, plan.ends) == (STARTS, day("2026-12-31"))


def test_agreeing_twice_is_the_same_agreement() -> None:
    assert agree(make_deal(), make_entity()) == agree(make_deal(), make_entity())


CODES = {
    "letters and id": ("Falkenstein Maschinenbau GmbH", "FALK-000000001AAA"),
    "few letters": ("3M 24/7", "M-000000001AAA"),
    "no letters": ("株式会社 7", "PRJ-000000001AAA"),
    "umlauts": ("Österreich AG", "STER-000000001AAA"),
}


@pytest.mark.parametrize(("name", "code"), CODES.values(), ids=CODES.keys())
def test_a_project_code_is_short_stable_and_plain(name: str, code: str) -> None:
    deal = make_deal(account=make_account(name=name))
    assert project_code(deal) == code
    assert agree(deal, make_entity()).plan.code == code


def test_project_codes_of_two_deals_differ() -> None:
    other = make_deal().model_copy(update={"reference": deal_ref(2)})
    assert project_code(other) != project_code(make_deal())


@pytest.mark.parametrize(
    "deal",
    [make_deal(service_start=None), make_deal(net_days=None)],
    ids=["no start", "no terms"],
)
def test_a_deal_that_was_not_validated_becomes_no_agreement(deal: Deal) -> None:
    with pytest.raises(AssertionError, match="was not validated"):
        agree(deal, make_entity())
