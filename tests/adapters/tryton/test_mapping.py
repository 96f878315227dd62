"""The pure mapping: payments, cursors, and what need not be written."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest

from adapters.tryton.mapping import (
    differences,
    from_cursor,
    missing_tasks,
    to_cursor,
    to_payments,
    to_posted,
)
from adapters.tryton.rows import Invoice, PaymentLine, State, Work
from canonical.money import Money
from tests.adapters.tryton.builders import make_plan

MOMENT = datetime(2026, 11, 20, 9, 30, 1, 250)  # noqa: DTZ001 - the server's moments are naive UTC


def make_row(currency: str = "EUR", payment_lines: tuple[int, ...] = (5,)) -> Invoice:
    return Invoice.model_validate(
        {
            "id": 12,
            "number": "INV2026-00012",
            "reference": "FALK-2026-10-1-1",
            "state": State.POSTED,
            "invoice_date": date(2026, 11, 20),
            "payment_term_date": date(2026, 11, 20),
            "untaxed_amount": Decimal("100.00"),
            "tax_amount": Decimal("19.00"),
            "total_amount": Decimal("119.00"),
            "amount_to_pay": Decimal("119.00"),
            "currency.": {"id": 1, "code": currency},
            "lines_to_pay.": [
                {"id": 1, "maturity_date": date(2026, 12, 20)},
                {"id": 2, "maturity_date": date(2027, 1, 20)},
            ],
            "payment_lines": payment_lines,
            "write_date": MOMENT,
            "create_date": MOMENT,
        }
    )


def make_payment_line(
    origin: str | None = "account.invoice,12", changes: dict[str, object] | None = None
) -> PaymentLine:
    values: dict[str, object] = {
        "id": 5,
        "debit": Decimal(0),
        "credit": Decimal("50.00"),
        "amount_second_currency": None,
        "second_currency.": None,
        "date": date(2026, 11, 25),
        "move.": {"id": 9, "origin": origin, "description": "BANK-1"},
    }
    return PaymentLine.model_validate(values | (changes or {}))


def test_a_payment_is_what_it_credits_to_the_client() -> None:
    (payment,) = to_payments("erp", make_row(), {5: make_payment_line()})
    assert payment.amount == Money(amount=Decimal("50.00"), currency="EUR")
    assert (payment.paid_on, payment.bank_reference) == (date(2026, 11, 25), "BANK-1")


def test_a_payment_in_foreign_currency_counts_in_the_invoices() -> None:
    usd = {"id": 2, "code": "USD"}
    line = make_payment_line(
        changes={"second_currency.": usd, "amount_second_currency": Decimal("-55.00")}
    )
    (payment,) = to_payments("erp", make_row("USD"), {5: line})
    assert payment.amount == Money(amount=Decimal("55.00"), currency="USD")


@pytest.mark.parametrize(
    ("origin", "is_payment"),
    [
        pytest.param("account.invoice,12", True, id="by the pay wizard"),
        pytest.param("account.statement,3", True, id="by a bank statement"),
        pytest.param(None, True, id="by hand"),
        pytest.param("account.invoice,13", False, id="a credit note set off"),
    ],
)
def test_a_credit_note_that_was_set_off_is_no_payment(origin: str | None, is_payment: bool) -> None:
    found = to_payments("erp", make_row(), {5: make_payment_line(origin)})
    assert bool(found) is is_payment


def test_an_invoice_is_due_with_its_last_instalment() -> None:
    assert to_posted("erp", make_row()).due_date == date(2027, 1, 20)


def test_a_cursor_keeps_microseconds_and_record() -> None:
    assert from_cursor(to_cursor(MOMENT, 12)) == (MOMENT, 12)


def test_an_empty_text_and_nothing_are_the_same_to_the_server() -> None:
    assert differences({"street": None, "city": "Ulm"}, {"street": "", "city": "Bonn"}) == {
        "city": "Ulm"
    }


def test_only_tasks_that_are_not_there_are_added() -> None:
    plan = make_plan()
    present = Work.model_validate(
        {
            "id": 3,
            "number": f"{plan.code}/Consultant",
            "name": "Consultant",
            "party": 1,
            "parent": 2,
            "status": 1,
            "children": [],
        }
    )
    assert [task["name"] for task in missing_tasks(plan, [present])] == ["Senior consultant"]
