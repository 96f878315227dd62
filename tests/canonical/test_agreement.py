"""Agreement: client, contract and project that follow from a valid deal."""

from __future__ import annotations

from decimal import Decimal

import pytest

from canonical.agreement import agree, compact_vat_id, project_code
from canonical.contract import ExpensesLine, TimeAndMaterialsLine
from canonical.deal import Deal
from tests.canonical.deals import (
    JUNIOR,
    SENIOR,
    STARTS,
    contract_of,
    day,
    deal_ref,
    line_of,
    make_account,
    make_address,
    make_deal,
    make_entity,
    retainer_line,
    role_line,
    sold_by,
)


def test_each_rate_ends_the_day_before_the_next_of_its_role_begins() -> None:
    deal = make_deal(
        role_line("195", "2026-03-16"),
        role_line("120", role="Consultant"),
        role_line("180"),
        role_line("210", "2027-01-01", role="senior consultant"),
    )
    time = line_of(deal, "time")
    assert isinstance(time, TimeAndMaterialsLine)
    assert [(row.role, row.rate, row.effective_from, row.effective_to) for row in time.rates] == [
        (JUNIOR, Decimal(120), STARTS, None),
        (SENIOR, Decimal(180), STARTS, day("2026-03-15")),
        (SENIOR, Decimal(195), day("2026-03-16"), day("2026-12-31")),
        (SENIOR, Decimal(210), day("2027-01-01"), None),
    ]
    assert [row.row for row in time.rates] == ["rates#1", "rates#2", "rates#3", "rates#4"]


def test_a_contract_gets_its_terms_from_deal_and_entity() -> None:
    contract = contract_of(make_deal())
    time, expenses = contract.lines
    assert isinstance(time, TimeAndMaterialsLine)
    assert isinstance(expenses, ExpensesLine)
    assert (time.tax_code, expenses.markup_percent) == ("VAT19", Decimal(5))
    assert (contract.version, contract.effective_from) == (1, STARTS)
    assert (contract.currency, contract.net_days) == ("EUR", 30)
    assert contract.purchase_order == "4500012345"


def test_a_deal_without_a_mark_up_bills_no_expenses() -> None:
    contract = contract_of(make_deal(expense_markup_percent=None))
    assert [line.method for line in contract.lines] == ["time_and_materials"]


def test_a_mark_up_of_zero_bills_expenses_at_cost() -> None:
    contract = contract_of(make_deal(expense_markup_percent=Decimal(0)))
    assert contract.line_of("expenses") is not None


def test_the_tax_code_follows_the_client() -> None:
    account = make_account(address=make_address("AT"), vat_id="ATU13585627")
    contract = contract_of(make_deal(account=account))
    assert {line.tax_code for line in contract.lines} == {contract.tax_code} == {"RC"}


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


def test_the_plan_of_a_deal_without_roles_has_its_team_and_no_rates() -> None:
    plan = agree(sold_by("retainer", retainer_line()), make_entity()).plan
    assert plan.rates == ()
    assert [person.email for person in plan.team] == ["ada@nordwind.example"]


STRONGER_RATES = """
purchase_order: PO-9
lines:
  - line_id: time
    rates:
      - {row: card, level: customer_card, role: Consultant, rate: 90, effective_from: 2026-03-01}
      - {row: role, role: Consultant, rate: 100, effective_from: 2026-03-01}
      - {row: ada, level: person, role: "", person: ada, rate: 200, effective_from: 2026-03-01}
      - {row: rest, level: default, role: "", rate: 80, effective_from: 2026-03-01}
"""


def test_the_plan_shows_what_the_contract_says_when_the_terms_sheet_says_otherwise() -> None:
    plan = agree(make_deal(sheet=STRONGER_RATES), make_entity()).plan
    assert [(each.role, each.rate) for each in plan.rates] == [(JUNIOR, Decimal(100))]
    assert plan.purchase_order == "PO-9"


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
    assert project_code(make_deal(reference=deal_ref(2))) != project_code(make_deal())


@pytest.mark.parametrize(
    "deal",
    [make_deal(service_start=None), make_deal(net_days=None)],
    ids=["no start", "no terms"],
)
def test_a_deal_that_was_not_validated_becomes_no_agreement(deal: Deal) -> None:
    with pytest.raises(AssertionError, match="was not validated"):
        agree(deal, make_entity())
