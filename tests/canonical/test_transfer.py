"""What is sent to the ERP: our ledger less what it booked by itself, and never behind its back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from canonical.engine.books import Books
from canonical.engine.payments import PAYMENT as PAYMENT_OF_THE_ENGINE
from canonical.engine.posting import translated
from canonical.engine.rows import TransactionKind
from canonical.errors import RuleViolation, SetupInvalid
from canonical.journal_entry import JournalEntry
from canonical.landscape import LegalEntity, Owner
from canonical.ledger.accounts import Account
from canonical.ledger.entity import EntityTerms
from canonical.ledger.journal import Journal, JournalLine
from canonical.ledger.transfer import PAYMENT, ErpBooking, Transfer, booked_invoice, transfer
from canonical.periods import last_day
from canonical.scenario.playing import fold
from runtime.scenario_files import read_scenario, scenario_files
from tests.builders import make_entity

PERIOD = "2026-10"
LAST = date(2026, 10, 31)
SCENARIOS = Path(__file__).parents[1] / "scenarios"


def entity(**changes: object) -> LegalEntity:
    """Its chart has 4400 for revenue; invoices credit it for every kind of line."""
    mapped = {"4000": "4400", **{kind.value: "4400" for kind in TransactionKind}}
    made = make_entity()
    erp = made.erp.model_copy(update={"accounts": mapped})
    return made.model_copy(update={"erp": erp, **changes})


def journal(*lines: tuple[Account, str], document: str = "", number: int = 1) -> Journal:
    return Journal(
        number=number,
        on=LAST,
        period=PERIOD,
        entity=entity().code,
        currency="EUR",
        document_currency="EUR",
        event="something",
        lines=tuple(
            JournalLine(account, Decimal(amount), Decimal(amount), "C-1")
            for account, amount in lines
        ),
        document=document,
    )


EARNED = journal((Account.CONTRACT_ASSET, "1000.00"), (Account.SERVICE_REVENUE, "-1000.00"))
INVOICED = journal(
    (Account.RECEIVABLE, "714.00"),
    (Account.OUTPUT_TAX, "-114.00"),
    (Account.CONTRACT_ASSET, "-600.00"),
    document="INV-1",
)
INVOICE = booked_invoice(
    entity(), "INV-1", [("time", Decimal("600.00"))], Decimal("114.00"), Decimal("714.00")
)
WRITTEN_OFF = journal((Account.WRITE_OFF, "4.00"), (Account.RECEIVABLE, "-4.00"), number=7)


def sent(
    *journals: Journal,
    bookings: tuple[ErpBooking, ...] = (),
    before: tuple[JournalEntry, ...] = (),
    of: LegalEntity | None = None,
) -> Transfer:
    return transfer(of or entity(), PERIOD, LAST, journals, bookings, sent=before)


def amounts(entry: JournalEntry | None) -> dict[str, str]:
    assert entry is not None
    return {line.account: str(line.amount.amount) for line in entry.lines}


def entry_of(found: Transfer) -> JournalEntry:
    assert found.entry is not None
    return found.entry


def test_revenue_that_is_not_billed_is_sent_as_it_is() -> None:
    found = sent(EARNED)
    assert amounts(found.entry) == {"1200": "1000.00", "4400": "-1000.00"}
    assert found.differences == ()


def test_of_an_invoice_only_what_the_erp_credited_elsewhere_is_sent() -> None:
    """The ERP credited 600.00 of revenue: 400.00 are left, against the contract asset."""
    found = sent(EARNED, INVOICED, bookings=(INVOICE,))
    assert amounts(found.entry) == {"1200": "400.00", "4400": "-400.00"}


def test_revenue_on_invoice_leaves_nothing_to_send() -> None:
    on_invoice = journal(
        (Account.RECEIVABLE, "714.00"),
        (Account.OUTPUT_TAX, "-114.00"),
        (Account.SERVICE_REVENUE, "-600.00"),
        document="INV-1",
    )
    assert sent(on_invoice, bookings=(INVOICE,)) == Transfer()


def test_the_entry_names_period_number_and_what_moved_each_account() -> None:
    other = EARNED._replace(
        lines=tuple(line._replace(contract="C-2") for line in EARNED.lines), number=2
    )
    entry = entry_of(sent(EARNED, other))
    assert (entry.key, entry.on) == (f"revenue/{entity().code}/2026-10/1", LAST)
    assert [line.description for line in entry.lines] == [
        "Contract asset: 2 contracts",
        "Service revenue: 2 contracts",
    ]


def test_a_second_close_sends_only_what_came_late_under_the_next_number() -> None:
    first = entry_of(sent(EARNED))
    late = journal((Account.CONTRACT_ASSET, "50.00"), (Account.SERVICE_REVENUE, "-50.00"), number=2)
    second = entry_of(sent(EARNED, late, before=(first,)))
    assert amounts(second) == {"1200": "50.00", "4400": "-50.00"}
    assert second.key.endswith("/2026-10/2")
    assert sent(EARNED, late, before=(first, second)) == Transfer()


def test_a_journal_that_the_erp_must_book_itself_is_named_and_the_rest_is_sent() -> None:
    found = sent(EARNED, WRITTEN_OFF)
    assert amounts(found.entry) == {"1200": "1000.00", "4400": "-1000.00"}
    assert [each.words for each in found.differences] == [
        "something (C-1): account 1100 has -4.00 EUR with us, 0.00 EUR there"
    ]


def test_nothing_of_an_invoice_is_sent_while_the_erp_says_another_tax() -> None:
    dearer = booked_invoice(
        entity(), "INV-1", [("time", Decimal("600.00"))], Decimal("114.01"), Decimal("714.01")
    )
    found = sent(EARNED, INVOICED, bookings=(dearer,))
    assert amounts(found.entry) == {"1200": "1000.00", "4400": "-1000.00"}
    assert [(each.about, each.account) for each in found.differences] == [
        ("INV-1", "1100"),
        ("INV-1", "2300"),
    ]


@pytest.mark.parametrize(
    ("journals", "bookings"),
    [
        pytest.param((INVOICED,), (), id="posted with us alone"),
        pytest.param((), (INVOICE,), id="posted in the ERP alone"),
    ],
)
def test_an_invoice_that_one_side_does_not_know_is_named_and_not_sent(
    journals: tuple[Journal, ...], bookings: tuple[ErpBooking, ...]
) -> None:
    found = sent(*journals, bookings=bookings)
    assert found.entry is None
    assert {each.about for each in found.differences} == {"INV-1"}


def test_a_settlement_with_its_currency_difference_is_the_erps_own() -> None:
    paid = journal(
        (Account.BANK, "720.00"),
        (Account.RECEIVABLE, "-714.00"),
        (Account.REALISED_FX, "-6.00"),
        document="payment/P-1",
    )
    assert sent(paid) == Transfer()


def test_an_over_payment_stays_on_the_erps_receivable_and_is_named() -> None:
    kept = journal(
        (Account.BANK, "20.00"), (Account.UNAPPLIED_CASH, "-20.00"), document="payment/P-1"
    )
    (difference,) = sent(kept).differences
    assert (difference.about, difference.erp.amount) == ("payment/P-1", Decimal("-20.00"))


def test_what_the_erp_says_of_a_payment_replaces_what_is_assumed() -> None:
    kept = journal(
        (Account.BANK, "20.00"), (Account.UNAPPLIED_CASH, "-20.00"), document="payment/P-1"
    )
    said = ErpBooking("payment/P-1", {"1010": Decimal(20), "2400": Decimal(-20)})
    assert sent(kept, bookings=(said,)) == Transfer()


def test_expense_claims_that_the_erp_books_are_not_sent() -> None:
    claim = journal(
        (Account.EXPENSE_COST, "84.03"),
        (Account.INPUT_VAT, "15.97"),
        (Account.EMPLOYEE_PAYABLE, "-100.00"),
    )
    assert sent(claim._replace(owner=Owner.ERP)) == Transfer()
    assert amounts(sent(claim).entry)["2000"] == "-100.00"


def test_where_the_erp_recognises_revenue_only_our_expense_claims_are_sent() -> None:
    of = entity(revenue_owner=Owner.ERP)
    claim = journal((Account.EXPENSE_COST, "80.00"), (Account.EMPLOYEE_PAYABLE, "-80.00"), number=3)
    reclassified = journal(
        (Account.CONTRACT_ASSET, "5.00"), (Account.CONTRACT_LIABILITY, "-5.00"), number=4
    )
    earned = EARNED._replace(owner=Owner.ERP)
    found = sent(earned, INVOICED, reclassified, claim, bookings=(INVOICE,), of=of)
    assert (amounts(found.entry), found.differences) == ({"2000": "-80.00", "5010": "80.00"}, ())


def test_a_kind_of_line_that_is_not_mapped_is_said() -> None:
    with pytest.raises(SetupInvalid, match=r"add erp\.accounts\.licence"):
        booked_invoice(entity(), "INV-1", [("licence", Decimal(1))], Decimal(0), Decimal(1))


def test_a_booking_that_does_not_balance_is_refused() -> None:
    with pytest.raises(RuleViolation, match="does not balance in the ERP"):
        sent(bookings=(ErpBooking("INV-1", {"1100": Decimal(1)}),))


def test_a_journal_of_another_period_is_refused() -> None:
    with pytest.raises(RuleViolation, match="not of"):
        sent(EARNED._replace(period="2026-09"))


# -- every story of the scenarios ------------------------------------------------------------------


class Close(NamedTuple):
    """One period of one entity in one story."""

    terms: EntityTerms
    journals: list[Journal]
    bookings: list[ErpBooking]
    found: Transfer


def stories() -> list[Path]:
    accepted = [path for path in scenario_files([SCENARIOS]) if path.parent.name != "refused"]
    return [path for path in accepted if read_scenario(path).expect.refused is None]


def closes(path: Path) -> Iterator[Close]:
    books = fold(read_scenario(path))
    for of, period in sorted({(each.entity, each.period) for each in books.journals}):
        terms = books.entities[of]
        ours = [each for each in books.journals if (each.entity, each.period) == (of, period)]
        posted = [each for each in ours if each.document in books.documents]
        bookings = [_booked(books, terms, each) for each in posted]
        found = transfer(_legal_entity(terms), period, last_day(period), ours, bookings)
        yield Close(terms, ours, bookings, found)


@pytest.mark.parametrize("path", stories(), ids=lambda path: str(path.stem))
def test_after_the_entry_the_erp_has_our_balance_on_every_account(path: Path) -> None:
    """Save for what is named: exactly those differences are left, on accounts that are its own."""
    for close in closes(path):
        left, named = _left(close), defaultdict[str, Decimal](Decimal)
        for each in close.found.differences:
            named[each.account] += each.ours.amount - each.erp.amount
        if not close.found.differences:
            assert left == {}
        for account in (Account.RECEIVABLE, Account.OUTPUT_TAX, Account.BANK):
            number = close.terms.number(account)
            assert left.get(number, 0) == named[number]


def test_most_periods_of_the_scenarios_leave_no_difference() -> None:
    """So that the test above says what it seems to say."""
    every = [close.found for path in stories() for close in closes(path)]
    clean = [found for found in every if found.entry and not found.differences]
    assert len(every) > 100
    assert len(clean) > len(every) * 2 / 3


def test_payments_are_named_as_the_engine_names_them() -> None:
    assert PAYMENT == PAYMENT_OF_THE_ENGINE


def _legal_entity(terms: EntityTerms) -> LegalEntity:
    """The ERP credits invoices to one account of its own, whatever their lines are for."""
    mapped = {account.value: number for account, number in terms.accounts.items()}
    mapped |= {kind.value: "8000" for kind in TransactionKind}
    made = entity(code=terms.code, currency=terms.currency)
    owners = {"revenue_owner": terms.revenue_owner, "claims_owner": terms.claims_owner}
    erp = made.erp.model_copy(update={"accounts": mapped})
    return made.model_copy(update={"erp": erp, **owners})


def _booked(books: Books, terms: EntityTerms, posted: Journal) -> ErpBooking:
    document = books.documents[posted.document]
    rate = books.rate(document.currency, terms, posted.on)
    rows = [books.transactions[each] for line in document.lines for each in line.transactions]
    nets = [(row.kind.value, translated(row.net, rate, terms)) for row in rows]
    tax, gross = (translated(each, rate, terms) for each in (document.tax, document.gross))
    return booked_invoice(_legal_entity(terms), document.id, nets, tax, gross)


def _left(close: Close) -> dict[str, Decimal]:
    """What our ledger says more than the ERP, after it got the entry."""
    left = defaultdict[str, Decimal](Decimal)
    for each in close.journals:
        for line in each.lines if each.owner is Owner.ENGINE else ():
            left[close.terms.number(line.account)] += line.amount
        if each.document.startswith(PAYMENT):
            for account, amount in _payment_in_the_erp(each).items():
                left[close.terms.number(account)] -= amount
    for booking in close.bookings:
        for number, amount in booking.amounts.items():
            left[number] -= amount
    for sent_line in close.found.entry.lines if close.found.entry else ():
        left[sent_line.account] -= sent_line.amount.amount
    return {number: amount for number, amount in left.items() if amount}


def _payment_in_the_erp(payment: Journal) -> dict[Account, Decimal]:
    """Money and its currency difference as they are, against the receivable."""
    of_money = (Account.BANK, Account.REALISED_FX)
    amounts = {
        account: sum((line.amount for line in payment.lines if line.account is account), Decimal(0))
        for account in of_money
    }
    return {**amounts, Account.RECEIVABLE: -sum(amounts.values(), Decimal(0))}
