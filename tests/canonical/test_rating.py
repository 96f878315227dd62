"""Rating: approved work becomes money by the rate of its work date."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.billing import BillingTransaction
from canonical.contract import ContractLine, ContractVersion
from canonical.errors import CurrencyMismatch, RateMissing, RuleViolation
from canonical.money import Money
from canonical.rating import rate
from canonical.rules import expenses, rules, time_and_materials
from canonical.rules.context import RatedItem
from canonical.work import Expense, TimeEntry
from tests.canonical.builders import (
    JUNIOR,
    euro,
    expenses_line,
    make_context,
    make_contract,
    make_entity,
    make_entry,
    make_expense,
    make_rate,
    make_run,
    rated,
    time_line,
)

CONTRACT = make_contract(
    time_line(make_rate("180", "2026-03-01", "2026-03-15"), make_rate("195", "2026-03-16")),
    expenses_line(),
)


def bill(
    items: Sequence[TimeEntry | Expense], *versions: ContractVersion
) -> tuple[BillingTransaction, ...]:
    outcome = rate(make_run(), versions or (CONTRACT,), make_entity(), map(rated, items))
    assert outcome.holds == ()
    return outcome.transactions


WORKED_CASE = [
    ("7.50", "2026-03-10", "180", "1350.00"),
    ("6.25", "2026-03-15", "180", "1125.00"),
    ("8.00", "2026-03-16", "195", "1560.00"),
    ("0.33", "2026-03-31", "195", "64.35"),
]


@pytest.mark.parametrize(("hours", "work_date", "price", "amount"), WORKED_CASE)
def test_an_entry_is_billed_at_the_rate_of_its_work_date(
    hours: str, work_date: str, price: str, amount: str
) -> None:
    [transaction] = bill([make_entry(hours, work_date)])
    assert (transaction.rate, transaction.amount) == (Decimal(price), euro(amount))


def test_the_worked_case_adds_up() -> None:
    transactions = bill([make_entry(hours, work_date) for hours, work_date, *_ in WORKED_CASE])
    assert sum(each.amount.amount for each in transactions) == Decimal("4099.35")


def test_a_late_entry_keeps_the_rate_of_its_work_date() -> None:
    late = rated(make_entry("2.00", "2026-03-12"))
    outcome = rate(make_run(run=2, period="2026-04"), (CONTRACT,), make_entity(), [late])
    assert [each.amount for each in outcome.transactions] == [euro("360.00")]


def test_a_transaction_tells_how_it_came_about() -> None:
    [transaction] = bill([make_entry("7.50", "2026-03-10", role="SNR ")])
    assert transaction.rate_basis == "Senior Consultant from 2026-03-01"
    assert (transaction.contract_version, transaction.approved_by) == (1, "boss")
    assert transaction.currency_basis == "contract currency EUR"
    assert transaction.role == "Senior Consultant"


def test_only_what_is_unbilled_is_billed() -> None:
    part = rated(make_entry("8"), unbilled="2.5")
    outcome = rate(make_run(), (CONTRACT,), make_entity(), [part])
    assert [each.amount for each in outcome.transactions] == [euro("450.00")]


def test_each_item_is_priced_by_the_version_of_its_work_date() -> None:
    later = make_contract(
        time_line(make_rate("200", "2026-03-01")), version=2, effective_from="2026-03-16"
    )
    transactions = bill(
        [make_entry("1", "2026-03-15"), make_entry("1", "2026-03-16")], CONTRACT, later
    )
    found = {each.work_date.day: (each.contract_version, each.rate) for each in transactions}
    assert found == {15: (1, Decimal(180)), 16: (2, Decimal(200))}


def test_rating_again_makes_the_same_transactions() -> None:
    items: list[TimeEntry | Expense] = [make_entry("7.50"), make_expense()]
    assert bill(items) == bill(items)
    assert len({each.id for each in bill(items)}) == 2


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        pytest.param(make_entry(role="Wizard"), "'Wizard'", id="role not mapped"),
        pytest.param(make_entry(role=""), r"\(none\)", id="no role"),
        pytest.param(make_entry(role=JUNIOR), "'Consultant'", id="role without a rate"),
        pytest.param(make_entry(work_date="2026-02-28"), "2026-02-28", id="before the rates"),
    ],
)
def test_work_that_no_rate_covers_is_refused_by_name(item: TimeEntry, reason: str) -> None:
    with pytest.raises(RateMissing, match=reason):
        bill([item])


def test_one_item_that_cannot_be_priced_refuses_its_whole_chunk() -> None:
    with pytest.raises(RateMissing):
        bill([make_entry(), make_entry(role="Wizard")])


def test_work_before_the_contract_is_refused() -> None:
    with pytest.raises(RuleViolation, match="before the contract begins"):
        bill([make_entry(work_date="2025-12-31")])


@pytest.mark.parametrize(
    ("cost", "markup", "amount"),
    [
        ("180.00", "5", "189.00"),
        ("0.10", "5", "0.11"),
        ("0.30", "5", "0.32"),
        ("99.99", "5", "104.99"),
        ("100.00", "0", "100.00"),
        ("100.00", "2.5", "102.50"),
        ("33.33", "7.25", "35.75"),
    ],
)
def test_an_expense_is_billed_at_cost_plus_mark_up_rounded_once(
    cost: str, markup: str, amount: str
) -> None:
    [transaction] = bill([make_expense(cost)], make_contract(expenses_line(markup)))
    assert transaction.amount == euro(amount)
    assert (transaction.quantity, transaction.task) == (Decimal(1), "Travel")


def test_the_basis_of_an_expense_names_cost_and_mark_up() -> None:
    [transaction] = bill([make_expense("1200.00")])
    assert transaction.rate_basis == "cost 1,200.00 EUR + 5 %"


def test_an_expense_in_another_currency_is_refused_by_name() -> None:
    with pytest.raises(CurrencyMismatch, match="expense expenses/x-2026-03-12-100"):
        bill([make_expense("100", currency="JPY")])


@pytest.mark.parametrize(
    ("item", "line", "method"),
    [
        (make_expense(), time_line(make_rate("180")), "expenses"),
        (make_entry(), expenses_line(), "time_and_materials"),
    ],
)
def test_work_that_the_contract_does_not_bill_is_held_with_the_reason(
    item: TimeEntry | Expense, line: ContractLine, method: str
) -> None:
    contract = make_contract(line)
    outcome = rate(make_run(), (contract,), make_entity(), [rated(item)])
    assert outcome.transactions == ()
    [hold] = outcome.holds
    assert (hold.item_id, hold.quantity) == (item.id, item.quantity)
    assert hold.detail == f"contract version 1 has no line for {method}"


def test_every_rule_of_the_folder_is_found_by_its_method() -> None:
    assert list(rules()) == ["expenses", "time_and_materials"]


def test_a_rule_refuses_items_of_another_kind() -> None:
    with pytest.raises(AssertionError, match="no time entry"):
        time_and_materials.bill(time_line(make_rate("1")), [rated(make_expense())], make_context())
    with pytest.raises(AssertionError, match="no expense"):
        expenses.bill(expenses_line(), [rated(make_entry())], make_context())


def test_work_without_an_approval_is_never_priced() -> None:
    with pytest.raises(AssertionError, match="no approval"):
        bill([make_entry(approved=False)])


HOURS = st.decimals(min_value=0, max_value=24, places=4)


@given(st.lists(HOURS, min_size=1, max_size=8), st.decimals(min_value=0, max_value=900, places=4))
def test_each_amount_is_hours_times_rate_rounded_once(hours: list[Decimal], price: Decimal) -> None:
    contract = make_contract(time_line(make_rate(str(price))))
    items = [
        RatedItem(item=make_entry(str(each), external_id=str(n)), version=1, unbilled=each)
        for n, each in enumerate(hours)
    ]
    outcome = rate(make_run(), (contract,), make_entity(), items)
    assert [each.amount for each in outcome.transactions] == [
        Money.rounded(each * price, "EUR") for each in hours
    ]
