"""Kantata's rows in our nouns, and our nouns in Kantata's bodies."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from adapters.kantata import mapping
from adapters.kantata.mapping import Surroundings
from adapters.kantata.references import Reference
from adapters.kantata.rows import (
    ExpenseRow,
    RoleRow,
    SubmissionRow,
    SubmissionStatus,
    TimeEntryRow,
    UserRow,
    WorkspaceRow,
)
from canonical.client import Address
from canonical.errors import AnswerUnreadable, DataRejected
from canonical.money import Money
from tests.adapters.kantata.workshop import make_status

LOGGED = datetime(2026, 9, 2, 16, 11, 4, tzinfo=UTC)
RESOLVED = datetime(2026, 9, 5, 8, 0, tzinfo=UTC)


def make_row(**changes: object) -> TimeEntryRow:
    values: dict[str, object] = {
        "id": "910021",
        "workspace_id": "5501",
        "user_id": "301",
        "story_id": None,
        "role_id": "14",
        "date_performed": "2026-09-02",
        "time_in_minutes": 90,
        "billable": True,
        "approved": True,
        "notes": "Cut-over rehearsal",
        "recent_submission_id": "880",
        "created_at": LOGGED,
        "updated_at": LOGGED,
    }
    return TimeEntryRow.model_validate({**values, **changes})


def make_expense_row(**changes: object) -> ExpenseRow:
    values: dict[str, object] = {
        "id": "7",
        "workspace_id": "5501",
        "user_id": "301",
        "date": "2026-09-02",
        "category": "Travel",
        "amount_in_cents": 12_345,
        "currency": "EUR",
        "currency_base_unit": 100,
        "is_billable": True,
        "notes": None,
        "recent_submission_id": "880",
        "created_at": LOGGED,
        "updated_at": LOGGED,
    }
    return ExpenseRow.model_validate({**values, **changes})


def make_known(status: SubmissionStatus = SubmissionStatus.APPROVED) -> Surroundings:
    sheet = SubmissionRow(
        id="880",
        status=status,
        current_resolution_creator_id="302",
        current_resolution_created_at_date=RESOLVED,
        updated_at=RESOLVED,
    )
    people = {
        "301": UserRow(id="301", full_name="Nadia Ferrer", email_address="nadia@n.example"),
        "302": UserRow(id="302", full_name="Ole Brandt", email_address="ole@n.example"),
    }
    return Surroundings(
        users=people, roles={"14": RoleRow(id="14", name="Sr. Wizard")}, submissions={"880": sheet}
    )


@pytest.mark.parametrize(
    ("minutes", "hours"),
    [(0, "0"), (1, "0.0167"), (20, "0.3333"), (50, "0.8333"), (90, "1.5"), (480, "8")],
)
def test_minutes_become_hours_in_steps_of_a_ten_thousandth(minutes: int, hours: str) -> None:
    item = mapping.time_entry("psa", make_row(time_in_minutes=minutes), make_known())
    assert item.hours == Decimal(hours)


@pytest.mark.parametrize("minutes", [-1, -90, 60 * 745], ids=["minus 1", "minus 90", "745 hours"])
def test_minutes_that_are_no_work_are_refused_by_name(minutes: int) -> None:
    with pytest.raises(DataRejected, match="time entry 910021") as refused:
        mapping.time_entry("psa", make_row(time_in_minutes=minutes), make_known())
    assert refused.value.fields == ("hours",)


def test_a_role_keeps_the_name_that_kantata_gives_it() -> None:
    assert mapping.time_entry("psa", make_row(), make_known()).role == "Sr. Wizard"


def test_an_entry_without_a_role_has_an_empty_one() -> None:
    assert mapping.time_entry("psa", make_row(role_id=None), make_known()).role == ""


def test_approver_and_approval_time_are_those_of_the_resolution() -> None:
    item = mapping.time_entry("psa", make_row(), make_known())
    assert (item.approved_by, item.approved_at) == ("ole@n.example", RESOLVED)


def test_an_approver_who_is_hidden_from_us_stays_an_id() -> None:
    known = make_known()
    hidden = Surroundings(submissions=known.submissions)
    assert mapping.time_entry("psa", make_row(), hidden).approved_by == "user 302"


@pytest.mark.parametrize("status", [s for s in SubmissionStatus if s != SubmissionStatus.APPROVED])
def test_an_entry_that_is_not_approved_has_neither_approver_nor_time(
    status: SubmissionStatus,
) -> None:
    item = mapping.time_entry("psa", make_row(approved=False), make_known(status))
    assert (item.approved, item.approved_by, item.approved_at) == (False, "", None)


def test_work_on_a_project_without_approvals_counts_from_its_last_change() -> None:
    item = mapping.time_entry("psa", make_row(recent_submission_id=None), make_known())
    assert (item.approved, item.approved_by, item.approved_at) == (True, "", LOGGED)


def test_an_approval_makes_a_newer_version_even_when_the_row_was_not_touched() -> None:
    assert mapping.time_entry("psa", make_row(), make_known()).version == RESOLVED


def test_a_report_that_was_not_told_makes_the_row_unreadable() -> None:
    with pytest.raises(AnswerUnreadable) as unreadable:
        mapping.time_entry("psa", make_row(), Surroundings())
    assert "time_entries.recent_submission_id" in unreadable.value.where


@pytest.mark.parametrize(
    ("cents", "currency", "base", "amount"),
    [
        (12_345, "EUR", 100, "123.45"),
        (12_345, "JPY", 1, "12345"),
        (12_345, "KWD", 1_000, "12.345"),
        (-500, "EUR", 100, "-5.00"),
    ],
)
def test_an_expense_is_divided_by_the_base_unit_of_its_currency(
    cents: int, currency: str, base: int, amount: str
) -> None:
    row = make_expense_row(amount_in_cents=cents, currency=currency, currency_base_unit=base)
    cost = mapping.expense("psa", row, make_known()).cost
    assert cost == Money(amount=Decimal(amount), currency=currency)


@pytest.mark.parametrize(
    ("status", "approved"),
    [(status, status is SubmissionStatus.APPROVED) for status in SubmissionStatus],
)
def test_an_expense_is_approved_by_its_report_alone(
    status: SubmissionStatus, approved: bool
) -> None:
    assert mapping.expense("psa", make_expense_row(), make_known(status)).approved is approved


@pytest.mark.parametrize("needed", [True, False])
def test_an_expense_without_a_report_is_approved_where_no_approval_is_needed(needed: bool) -> None:
    project = WorkspaceRow(id="5501", title="ERP", archived=False, require_expense_approvals=needed)
    row = make_expense_row(recent_submission_id=None)
    item = mapping.expense("psa", row, Surroundings(workspaces={"5501": project}))
    assert item.approved is not needed


@pytest.mark.parametrize(
    ("address", "line"),
    [
        (Address(), ""),
        (Address(city="Stuttgart", country="DE"), "Stuttgart, DE"),
        (
            Address(street="Werkstr. 1", postal_code="70173", city="Stuttgart", country="DE"),
            "Werkstr. 1, 70173 Stuttgart, DE",
        ),
    ],
)
def test_an_address_is_shown_on_one_line(address: Address, line: str) -> None:
    assert mapping.one_line(address) == line


@pytest.mark.parametrize(
    ("rate", "currency", "subunits"),
    [("180", "EUR", 18_000), ("187.50", "EUR", 18_750), ("21000", "JPY", 21_000)],
)
def test_a_rate_is_shown_in_subunits(rate: str, currency: str, subunits: int) -> None:
    assert mapping.rate_in_subunits("psa", Decimal(rate), currency) == subunits


def test_a_rate_that_is_finer_than_its_currency_is_refused() -> None:
    with pytest.raises(DataRejected, match="finer than the currency"):
        mapping.rate_in_subunits("psa", Decimal("180.125"), "EUR")


def test_a_status_is_a_sentence_for_people() -> None:
    sentence = mapping.status_sentence(make_status())
    assert sentence == "Invoiced, invoice 2026-0001, gross 1,190.00 EUR, as of 2026-10-01"


@pytest.mark.parametrize("key", ["FALK", "FALK-006", "x" * 200, "884213", "9" * 40])
def test_a_reference_is_digits_whatever_the_key(key: str) -> None:
    digits = Reference("c2c-test", "project", key).digits
    assert digits.isascii()
    assert digits.isdigit()
    assert len(digits) <= 18


def test_a_key_of_digits_is_its_own_reference() -> None:
    assert Reference("c2c-test", "project", "884213").digits == "884213"


def test_dates_are_dates_and_not_times() -> None:
    assert mapping.time_entry("psa", make_row(), make_known()).work_date == date(2026, 9, 2)
