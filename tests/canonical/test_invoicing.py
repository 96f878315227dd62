"""Invoicing: what a run billed, gathered into lines that add up and that people understand."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.contract import InvoiceGrouping
from canonical.engine.rows import Transaction
from canonical.errors import RuleViolation
from canonical.invoice import DESCRIPTION_CHARACTERS_MAX, Invoice
from canonical.money import Money, total
from tests import folding
from tests.canonical.builders import (
    JUNIOR,
    bill,
    day,
    euro,
    expenses_line,
    make_contract,
    make_entry,
    make_expense,
    make_invoice,
    make_rate,
    time_line,
    worked_contract,
)

WORK: list[folding.Item] = [
    make_entry("2", task="Design"),
    make_entry("1", task="Design", person_name="Bo Lind"),
    make_entry("3", "2026-03-11", task="Build"),
    make_entry("1", "2026-03-16"),
    make_entry("1", role=JUNIOR, external_id="junior"),
    make_expense("180.00"),
    make_expense("47.62", "2026-03-13"),
]

LINES = {
    InvoiceGrouping.ENTRY: 7,
    InvoiceGrouping.DAY: 6,
    InvoiceGrouping.TASK: 5,
    InvoiceGrouping.PERSON: 5,
    InvoiceGrouping.ROLE: 4,
}


def grouped(grouping: InvoiceGrouping) -> Invoice:
    return make_invoice(WORK, version=worked_contract(grouping=grouping))


@pytest.mark.parametrize(("grouping", "count"), LINES.items())
def test_lines_gather_what_the_policy_says_and_no_two_rates(
    grouping: InvoiceGrouping, count: int
) -> None:
    lines = grouped(grouping).lines
    assert len(lines) == count
    assert [line.line_no for line in lines] == list(range(1, count + 1))
    assert total((line.net for line in lines), "EUR") == euro("1634.00")


DESCRIBED = {
    InvoiceGrouping.ENTRY: [
        "2026-03-10 Ada Becker junior, 1 h at 120 EUR, 2026-03-10",
        "2026-03-10 Bo Lind t-2026-03-10-1, 1 h at 180 EUR, 2026-03-10",
        "2026-03-10 Ada Becker t-2026-03-10-2, 2 h at 180 EUR, 2026-03-10",
        "2026-03-11 Ada Becker t-2026-03-11-3, 3 h at 180 EUR, 2026-03-11",
        "2026-03-16 Ada Becker t-2026-03-16-1, 1 h at 195 EUR, 2026-03-16",
        "Expenses: 2026-03-12 Ada Becker x-2026-03-12-180.00, 2026-03-12",
        "Expenses: 2026-03-13 Ada Becker x-2026-03-13-47.62, 2026-03-13",
    ],
    InvoiceGrouping.DAY: [
        "2026-03-10, 1 h at 120 EUR, 2026-03-10",
        "2026-03-10, 3 h at 180 EUR, 2026-03-10",
        "2026-03-11, 3 h at 180 EUR, 2026-03-11",
        "2026-03-16, 1 h at 195 EUR, 2026-03-16",
        "Expenses: 2026-03-12, 2026-03-12",
        "Expenses: 2026-03-13, 2026-03-13",
    ],
    InvoiceGrouping.TASK: [
        "Consultant, 1 h at 120 EUR, 2026-03-10",
        "Design, 3 h at 180 EUR, 2026-03-10",
        "Build, 3 h at 180 EUR, 2026-03-11",
        "Senior Consultant, 1 h at 195 EUR, 2026-03-16",
        "Expenses: Travel, 2026-03-12 to 2026-03-13",
    ],
    InvoiceGrouping.PERSON: [
        "Ada Becker, 1 h at 120 EUR, 2026-03-10",
        "Bo Lind, 1 h at 180 EUR, 2026-03-10",
        "Ada Becker, 5 h at 180 EUR, 2026-03-10 to 2026-03-11",
        "Ada Becker, 1 h at 195 EUR, 2026-03-16",
        "Expenses: Ada Becker, 2026-03-12 to 2026-03-13",
    ],
    InvoiceGrouping.ROLE: [
        "Consultant, 1 h at 120 EUR, 2026-03-10",
        "Senior Consultant, 6 h at 180 EUR, 2026-03-10 to 2026-03-11",
        "Senior Consultant, 1 h at 195 EUR, 2026-03-16",
        "Expenses: Travel, 2026-03-12 to 2026-03-13",
    ],
}


@pytest.mark.parametrize(("grouping", "described"), DESCRIBED.items())
def test_a_line_says_hours_rate_and_dates_and_expenses_come_last(
    grouping: InvoiceGrouping, described: list[str]
) -> None:
    assert [line.description for line in grouped(grouping).lines] == described


def test_what_was_paid_as_agent_is_a_line_of_its_own_below_everything() -> None:
    fee = make_expense("40.00").model_copy(update={"disbursement": True, "category": "Court fee"})
    invoice = make_invoice([*WORK, fee])
    last = invoice.lines[-1]
    assert (last.kind, last.description) == (
        "disbursement",
        "Disbursements: Court fee, 2026-03-12",
    )
    assert [row.tax_code for row in invoice.taxes if row.base == euro("40.00")] == [last.tax_code]


def test_tax_codes_are_never_gathered_into_one_line() -> None:
    version = make_contract(
        time_line(make_rate("180")), time_line(make_rate("180"), tax_code="RC", line_id="abroad")
    )
    work = [make_entry("2"), make_entry("1", line="abroad")]
    lines = make_invoice(work, version=version).lines
    assert sorted((line.tax_code, line.net) for line in lines) == [
        ("RC", euro("180.00")),
        ("VAT19", euro("360.00")),
    ]


def test_the_net_of_a_line_is_the_sum_of_rounded_amounts_not_hours_times_rate() -> None:
    version = make_contract(time_line(make_rate("185.0050")))
    thirds = [make_entry("0.33", external_id=f"t-{number}") for number in range(3)]
    [line] = make_invoice(thirds, version=version).lines
    assert (line.net, line.quantity) == (euro("183.15"), Decimal("0.99"))


@pytest.mark.parametrize(("limit", "lines"), [(60, 60), (59, 28), (27, 1)])
def test_over_the_limit_the_grouping_coarsens_until_it_fits(
    limit: int, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("canonical.engine.grouping.LINES_MAX", limit)
    many = [
        make_entry("1", f"2026-03-{n % 28 + 1:02d}", external_id=f"t-{n:02d}") for n in range(60)
    ]
    version = make_contract(time_line(make_rate("180")), grouping=InvoiceGrouping.ENTRY)
    invoice = make_invoice(many, version=version)
    assert len(invoice.lines) == lines
    assert invoice.net == euro("10800.00")


def test_the_coarsest_grouping_is_kept_even_over_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("canonical.engine.grouping.LINES_MAX", 1)
    assert len(grouped(InvoiceGrouping.ENTRY).lines) == LINES[InvoiceGrouping.ROLE]


def test_expenses_of_a_thousand_prices_fit_on_an_invoice() -> None:
    bills = [make_expense(f"{cents / 100:.2f}") for cents in range(100, 1100)]
    [line] = make_invoice(bills, version=make_contract(expenses_line("0"))).lines
    assert (line.net, line.quantity) == (euro("5995.00"), Decimal(1000))
    assert line.description == "Expenses: Travel, 2026-03-12"


def test_a_name_without_end_still_fits_into_a_description() -> None:
    role = "R" * 5_000
    version = make_contract(time_line(make_rate("180", role=role)), expenses_line())
    work: list[folding.Item] = [make_entry(role=role), make_expense(category="T" * 5_000)]
    lines = make_invoice(work, version=version).lines
    assert all(len(line.description) <= DESCRIPTION_CHARACTERS_MAX for line in lines)
    assert "h at 180 EUR, 2026-03-10" in lines[0].description


def test_an_invoice_has_its_key_dates_and_terms_from_run_and_contract() -> None:
    invoice = make_invoice(WORK)
    assert invoice.key == "FALK-000000000001-2026-03-1-1"
    assert (invoice.service_from, invoice.service_to) == (day("2026-03-10"), day("2026-03-16"))
    assert (invoice.purchase_order, invoice.net_days) == ("4500012345", 30)
    assert (invoice.number, invoice.invoice_date, invoice.paid) == ("", None, euro("0.00"))


def test_the_same_run_makes_the_same_invoice_whatever_the_order() -> None:
    assert make_invoice(WORK[::-1]) == make_invoice(WORK)


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


# -- what a transaction tells, and how it is rounded -----------------------------------------------


def test_a_transaction_tells_how_it_came_about() -> None:
    [row] = bill([make_entry("7.50", role="SNR ")]).rows.values()
    assert (row.rate_basis, row.version) == ("Senior Consultant from 2026-01-01", 1)
    assert (row.rate, row.amount) == (Decimal(180), Decimal("1350.00"))


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
    [row] = bill([make_expense(cost)], version=make_contract(expenses_line(markup))).rows.values()
    assert (row.quantity, row.amount) == (Decimal(1), Decimal(amount))
    assert row.rate_basis == f"cost {cost} EUR + {markup} %"


def test_an_expense_in_a_currency_without_a_rate_is_refused_by_name() -> None:
    with pytest.raises(RuleViolation, match=r"x-2026-03-12-100 \(no JPY/EUR rate"):
        bill([make_expense("100", currency="JPY")])


HOURS = st.decimals(min_value=0, max_value=24, places=4)
CENTS = st.integers(min_value=1, max_value=10**7)
PIECES = st.tuples(HOURS, st.sampled_from(["Ada", "Bo"]), st.integers(1, 28), st.none() | CENTS)


def item(number: int, piece: tuple[Decimal, str, int, int | None]) -> folding.Item:
    hours, person, day_of_month, cents = piece
    on = f"2026-03-{day_of_month:02d}"
    if cents is None:
        return make_entry(str(hours), on, person_name=person, external_id=f"t-{number}")
    expense = make_expense(str(Decimal(cents).scaleb(-2)), on)
    return expense.model_copy(update={"external_id": f"x-{number}"})


@given(st.lists(PIECES, min_size=1, max_size=30), st.sampled_from(InvoiceGrouping))
def test_every_transaction_is_on_exactly_one_line_and_the_net_is_their_sum(
    pieces: list[tuple[Decimal, str, int, int | None]], grouping: InvoiceGrouping
) -> None:
    work = [item(number, piece) for number, piece in enumerate(pieces)]
    made = bill(work, version=worked_contract(grouping=grouping))
    lines = [line for invoice in made.invoices for line in invoice.lines]
    on_lines = [each for line in lines for each in line.transaction_ids]
    assert len(on_lines) == len(set(on_lines)) == len(made.rows)
    for invoice in made.invoices:
        assert invoice.net == total(map(_net, made.rows.values()), "EUR")
        assert invoice.gross == invoice.net + invoice.tax


@given(st.lists(HOURS, min_size=1, max_size=8), st.decimals(min_value=0, max_value=900, places=4))
def test_each_amount_is_hours_times_rate_rounded_once(hours: list[Decimal], price: Decimal) -> None:
    version = make_contract(time_line(make_rate(str(price))))
    work = [make_entry(str(each), external_id=f"{n}") for n, each in enumerate(hours)]
    made = {row.source: row.amount for row in bill(work, version=version).rows.values()}
    for number, each in enumerate(hours):
        found = made.get(f"psa/time/{number}", Decimal(0))
        assert found == Money.rounded(each * price, "EUR").amount


def _net(row: Transaction) -> Money:
    return Money(amount=row.net, currency=row.currency)
