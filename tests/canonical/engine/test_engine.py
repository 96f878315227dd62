"""What the engine promises beyond single rules: previews, repetition, refusals, closed periods."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from canonical.engine.books import Books
from canonical.engine.fold import after, tell
from canonical.engine.invariants import InvariantBroken, check
from canonical.engine.parts import parts_of
from canonical.engine.rows import PartState
from canonical.errors import CurrencyMismatch, RateMissing, RuleViolation
from canonical.ledger.entity import EntityTerms, entity_terms
from canonical.ledger.position import Position
from tests.canonical.builders import make_entity
from tests.canonical.engine.stories import (
    amounts,
    balance,
    contract,
    cutoff,
    entity,
    event,
    hours,
    ledger_of,
    rate,
    story,
    sums,
    time_line,
)

END = date(2026, 1, 31)


def states(books: Books, on: date = END) -> dict[str, PartState]:
    return {part.entry: part.state for part in parts_of(books, on)}


def test_a_preview_shows_what_a_run_would_do_and_does_nothing() -> None:
    books = story(hours("A", "2026-01-10", "2"))
    before = ledger_of(books)
    would = after(books, (), [cutoff("2026-01-31", invoice="INV-1")])
    assert amounts(would, "INV-1") == ["200"] or amounts(would, "INV-1") == ["200.00"]
    assert ledger_of(books) == before


def test_a_run_repeated_adds_nothing() -> None:
    once = story(hours("A", "2026-01-10", "2"), cutoff("2026-01-31", invoice="INV-1"))
    twice = after(once, (), [cutoff("2026-02-01", through="2026-01-31")])
    assert ledger_of(twice) == ledger_of(once)


def test_a_refused_story_leaves_the_books_as_they_were() -> None:
    books = story(hours("A", "2026-01-10", "2"))
    before = ledger_of(books)
    bad = [hours("B", "2026-01-11", "2", role="Wizard"), cutoff("2026-01-31")]
    with pytest.raises(RateMissing):
        after(books, (), bad)
    assert ledger_of(books) == before


def test_what_a_run_consumed_stays_sunk() -> None:
    """The cap goes to what was billed first, though earlier work comes later."""
    version = contract(caps=[{"cap_id": "NTE", "amount": "500"}])
    books = story(
        hours("LATE-WORK", "2026-01-20", "5"),
        cutoff("2026-01-31", invoice="INV-1"),
        hours("EARLY-WORK", "2026-01-05", "5", on="2026-02-01"),
        cutoff("2026-02-28", through="2026-01-31"),
        version=version,
    )
    assert states(books, date(2026, 2, 28)) == {
        "LATE-WORK": PartState.BILLED,
        "EARLY-WORK": PartState.HELD,
    }


def test_unbilled_work_is_ordered_by_work_date_approval_and_id() -> None:
    version = contract(caps=[{"cap_id": "NTE", "amount": "300"}])
    books = story(
        hours("D", "2026-01-11", "1", on="2026-01-12"),
        hours("C", "2026-01-10", "1", on="2026-01-13"),
        hours("B", "2026-01-10", "1", on="2026-01-12"),
        hours("A", "2026-01-10", "1", on="2026-01-12"),
        cutoff("2026-01-31", invoice="INV-1"),
        version=version,
    )
    billed = [row.source for row in books.transactions.values()]
    assert billed == ["A", "B", "C"]
    assert states(books)["D"] is PartState.HELD


def test_an_entry_changed_after_billing_is_refused_with_a_remedy() -> None:
    with pytest.raises(RuleViolation, match="recall it, credit it, and send it under a new id"):
        story(
            hours("A", "2026-01-10", "2"),
            cutoff("2026-01-31"),
            hours("A", "2026-01-10", "3", on="2026-02-02"),
        )


def test_an_entry_changed_before_billing_is_billed_as_it_is_now() -> None:
    books = story(
        hours("A", "2026-01-10", "2", on="2026-01-12"),
        hours("A", "2026-01-10", "3", on="2026-01-14"),
        cutoff("2026-01-31", invoice="INV-1"),
    )
    assert [row.quantity for row in books.transactions.values()] == [Decimal(3)]


def test_a_draft_with_a_recalled_entry_is_not_issued() -> None:
    with pytest.raises(RuleViolation, match="discard the draft and run again"):
        story(
            hours("A", "2026-01-10", "2"),
            cutoff("2026-01-31", invoice="INV-1", draft=True),
            event("2026-02-01", recall={"entries": ["A"]}),
            event("2026-02-02", post={"invoice": "INV-1"}),
        )


def test_a_posted_invoice_is_credited_never_discarded() -> None:
    with pytest.raises(RuleViolation, match="credit it instead"):
        story(
            hours("A", "2026-01-10", "2"),
            cutoff("2026-01-31", invoice="INV-1"),
            event("2026-02-01", discard={"invoice": "INV-1"}),
        )


def test_a_fall_in_revenue_in_a_locked_period_goes_to_the_first_open_one() -> None:
    books = story(
        hours("A", "2026-01-10", "2"),
        event("2026-02-03", lock={"period": "2026-01"}),
        event("2026-02-04", recall={"entries": ["A"]}),
        event("2026-02-05", lock={"period": "2025-12"}),
    )
    assert sums(books)["DE", "4000", "C-1", "2026-01"] == Decimal(-200)
    assert sums(books)["DE", "4000", "C-1", "2026-02"] == Decimal(200)
    assert balance(books, "1200") == 0


def test_a_posting_into_an_earlier_period_keeps_every_period_on_one_side() -> None:
    """February has an advance when January's late work comes: each month shows its own net side."""
    position = Position(step=Decimal("0.01"), foreign=False)
    position.post(Decimal(-100), "2026-02", Decimal(1))
    moved = position.post(Decimal(40), "2026-01", Decimal(1))
    assert [(each.account.value, each.document) for each in moved.own] == [("1200", Decimal(40))]
    assert sorted((each.account.value, each.document) for each in moved.later) == [
        ("1200", Decimal(-40)),
        ("2200", Decimal(40)),
    ]


def test_a_payment_in_another_currency_is_refused() -> None:
    with pytest.raises(CurrencyMismatch, match="invoice INV-1, paid by P1"):
        story(
            event("2026-01-01", rates={"rates": {"USD/EUR": "0.9"}}),
            hours("A", "2026-01-10", "2"),
            cutoff("2026-01-31", invoice="INV-1"),
            event(
                "2026-02-01",
                payment={"id": "P1", "amount": "10", "currency": "USD", "invoice": "INV-1"},
            ),
        )


def test_a_missing_rate_of_exchange_is_told_with_its_day() -> None:
    version = contract(time_line(rate("100")), currency="USD")
    with pytest.raises(RuleViolation, match="no rate USD/EUR on or before 2026-01"):
        story(hours("A", "2026-01-10", "2"), cutoff("2026-01-31"), version=version)


def test_a_discount_for_early_payment_needs_no_entry_and_comes_never_back() -> None:
    deduction = {"kind": "early_payment_discount", "amount": "4"}
    books = story(
        hours("A", "2026-01-10", "2"),
        cutoff("2026-01-31", invoice="INV-1"),
        event(
            "2026-02-05",
            payment={"id": "P1", "amount": "196", "invoice": "INV-1", "deductions": [deduction]},
        ),
        cutoff("2026-02-28"),
    )
    assert balance(books, "1100") == 0
    assert balance(books, "4900") == Decimal(4)
    assert states(books, date(2026, 2, 28)) == {"A": PartState.BILLED}


def test_withholding_tax_without_a_certificate_is_refused() -> None:
    deduction = {"kind": "withholding_tax", "amount": "4"}
    with pytest.raises(ValueError, match="name its certificate"):
        event("2026-02-05", payment={"id": "P", "amount": "1", "deductions": [deduction]})


def test_a_broken_invariant_is_found() -> None:
    """The check itself: a counter that no row proves, a row that nobody approved."""
    books = story(hours("A", "2026-01-10", "2"), cutoff("2026-01-31", invoice="INV-1"))
    check(books, END)
    books.consumed["contract/C-1/NTE"] = Decimal(1)
    with pytest.raises(InvariantBroken, match="limit contract/C-1/NTE counts 1"):
        check(books, END)
    books.consumed.clear()
    books.contracts["C-1"].drop("A")
    with pytest.raises(InvariantBroken, match="2 billed net of credits, 0 approved"):
        check(books, END)


def test_the_erp_may_own_revenue_and_our_journals_say_so() -> None:
    owned = EntityTerms.model_validate(entity().model_dump() | {"revenue_owner": "erp"})
    books = tell([owned], [contract()], [hours("A", "2026-01-10", "2"), cutoff("2026-01-31")])
    owners = {journal.event.split()[0]: journal.owner.value for journal in books.journals}
    assert owners == {"revenue": "erp", "post": "engine"}


def test_a_landscape_entity_gives_its_books_with_taxes_and_go_live() -> None:
    found = entity_terms(make_entity())
    assert found.tax_on("VAT19", date(2026, 3, 1), "time").rate == Decimal("0.19")
    assert found.go_live == date(2026, 1, 1)


def test_an_amendment_may_name_a_period_that_the_review_reaches_later() -> None:
    """The price change is posted in the month of the review, not of the work."""
    rates = [{"row": "r2", "role": "Dev", "rate": "130", "effective_from": "2026-01-01"}]
    books = story(
        hours("A", "2026-01-10", "2"),
        event(
            "2026-02-10",
            amendment={
                "effective_from": "2026-01-01",
                "reviewed_on": "2026-03-02",
                "terms": {"lines": [{"line_id": "time", "rates": rates}]},
            },
        ),
        cutoff("2026-03-31", invoice="INV-1"),
    )
    found = {key[3]: amount for key, amount in sums(books).items() if key[1] == "4000"}
    assert found == {"2026-01": Decimal(-200), "2026-03": Decimal(-60)}
