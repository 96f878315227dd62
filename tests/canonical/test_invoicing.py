"""Invoicing: transactions gathered into lines that add up."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.contract import InvoiceGrouping
from canonical.errors import RuleViolation
from canonical.invoice import DESCRIPTION_CHARACTERS_MAX
from canonical.invoicing import invoice_lines
from canonical.money import total
from tests.canonical.builders import (
    JUNIOR,
    day,
    euro,
    make_contract,
    make_invoice,
    make_transaction,
)

WORK = [
    make_transaction("360.00", number=1, hours="2", task="Design"),
    make_transaction("180.00", number=2, hours="1", task="Design", person_name="Bo Lind"),
    make_transaction("540.00", number=3, hours="3", task="Build", work_date="2026-03-11"),
    make_transaction("195.00", number=4, hours="1", rate="195", work_date="2026-03-16"),
    make_transaction("120.00", number=5, hours="1", rate="120", role=JUNIOR),
    make_transaction("189.00", number=6, expense=True, task="Travel", work_date="2026-03-12"),
    make_transaction("50.00", number=7, expense=True, task="Travel", work_date="2026-03-13"),
]

LINES = {
    InvoiceGrouping.ENTRY: 7,
    InvoiceGrouping.DAY: 6,
    InvoiceGrouping.TASK: 5,
    InvoiceGrouping.PERSON: 5,
    InvoiceGrouping.ROLE: 4,
}


@pytest.mark.parametrize(("grouping", "count"), LINES.items())
def test_lines_gather_what_the_policy_says_and_no_two_rates(
    grouping: InvoiceGrouping, count: int
) -> None:
    lines = invoice_lines(WORK, grouping)
    assert len(lines) == count
    assert [line.line_no for line in lines] == list(range(1, count + 1))
    assert total((line.net for line in lines), "EUR") == euro("1634.00")


def test_a_line_says_hours_rate_and_dates_and_expenses_come_last() -> None:
    assert [line.description for line in invoice_lines(WORK, InvoiceGrouping.ROLE)] == [
        "Consultant, 1 h at 120 EUR, 2026-03-10",
        "Senior Consultant, 6 h at 180 EUR, 2026-03-10 to 2026-03-11",
        "Senior Consultant, 1 h at 195 EUR, 2026-03-16",
        "Expenses: Travel, 2026-03-12 to 2026-03-13",
    ]


def test_tax_codes_are_never_gathered_into_one_line() -> None:
    work = [WORK[0], WORK[1].model_copy(update={"tax_code": "RC"})]
    assert [line.tax_code for line in invoice_lines(work, InvoiceGrouping.ROLE)] == ["RC", "VAT19"]


def test_the_net_of_a_line_is_the_sum_of_rounded_amounts_not_hours_times_rate() -> None:
    thirds = [make_transaction("61.05", number=n, hours="0.33", rate="185.0050") for n in range(3)]
    [line] = invoice_lines(thirds, InvoiceGrouping.ROLE)
    assert (line.net, line.quantity) == (euro("183.15"), Decimal("0.99"))


def test_over_the_limit_the_grouping_coarsens_until_it_fits() -> None:
    many = [make_transaction(number=n, work_date=f"2026-03-{n % 28 + 1:02d}") for n in range(60)]
    assert len(invoice_lines(many, InvoiceGrouping.ENTRY, limit=60)) == 60
    assert len(invoice_lines(many, InvoiceGrouping.ENTRY, limit=59)) == 28
    assert len(invoice_lines(many, InvoiceGrouping.ENTRY, limit=27)) == 1


def test_the_coarsest_grouping_is_kept_even_over_the_limit() -> None:
    assert len(invoice_lines(WORK, InvoiceGrouping.ENTRY, limit=1)) == LINES[InvoiceGrouping.ROLE]


def test_a_name_without_end_still_fits_into_a_description() -> None:
    work = [make_transaction(role="R" * 5_000), make_transaction(expense=True, task="T" * 5_000)]
    lines = invoice_lines(work, InvoiceGrouping.ROLE)
    assert all(len(line.description) <= DESCRIPTION_CHARACTERS_MAX for line in lines)
    assert "h at 180 EUR, 2026-03-10" in lines[0].description


def test_an_invoice_has_its_key_dates_and_terms_from_run_and_contract() -> None:
    invoice = make_invoice(WORK)
    assert invoice.key == "FALK-000000000001-2026-03-1-1"
    assert (invoice.service_from, invoice.service_to) == (day("2026-03-10"), day("2026-03-16"))
    assert (invoice.purchase_order, invoice.net_days) == ("4500012345", 30)
    assert (invoice.number, invoice.invoice_date, invoice.paid) == ("", None, euro("0.00"))


def test_the_same_run_makes_the_same_invoice_whatever_the_order() -> None:
    assert make_invoice(WORK).id == make_invoice(WORK[::-1]).id
    backwards = {line.description: line.net for line in make_invoice(WORK[::-1]).lines}
    assert backwards == {line.description: line.net for line in make_invoice(WORK).lines}


def test_totals_of_an_invoice_add_up() -> None:
    invoice = make_invoice(WORK)
    assert (invoice.net, invoice.tax, invoice.gross) == (
        euro("1634.00"),
        euro("310.46"),
        euro("1944.46"),
    )


def test_an_invoice_that_does_not_add_up_cannot_be_made() -> None:
    wrong = make_invoice(WORK).model_dump() | {"gross": {"amount": "1", "currency": "EUR"}}
    with pytest.raises(RuleViolation, match="does not add up"):
        type(make_invoice(WORK)).model_validate(wrong)


CENTS = st.integers(min_value=-(10**7), max_value=10**7)
PIECES = st.tuples(CENTS, st.sampled_from(["Ada", "Bo"]), st.integers(1, 28), st.booleans())


@given(st.lists(PIECES, min_size=1, max_size=30), st.sampled_from(InvoiceGrouping))
def test_every_transaction_is_on_exactly_one_line_and_the_net_is_their_sum(
    pieces: list[tuple[int, str, int, bool]], grouping: InvoiceGrouping
) -> None:
    work = [
        make_transaction(
            str(Decimal(cents).scaleb(-2)),
            number=number,
            person_name=person,
            work_date=f"2026-03-{day_of_month:02d}",
            expense=expense,
        )
        for number, (cents, person, day_of_month, expense) in enumerate(pieces)
    ]
    invoice = make_invoice(work, version=make_contract(grouping=grouping))
    on_lines = [each for line in invoice.lines for each in line.transaction_ids]
    assert sorted(on_lines) == sorted(each.id for each in work)
    assert invoice.net == total((each.amount for each in work), "EUR")
    assert invoice.gross == invoice.net + invoice.tax
