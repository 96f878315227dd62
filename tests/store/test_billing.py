"""Billing runs: every approved item once, whatever races, repeats or is refused."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from decimal import Decimal

import pytest

from canonical.contract import ContractVersion
from canonical.errors import RateMissing, RecordMissing, RuleViolation
from canonical.ids import EngagementId
from canonical.invoice import Invoice
from canonical.terms.policies import Cap
from canonical.work import Expense, TimeEntry
from tests import builders as make
from tests.store.conftest import Store

ENTRY = make.make_time_entry()
RUN = make.make_run()
MADE = ("book_chapter", "billing_transaction", "invoice", "invoice_line", "journal_entry", "hold")


def entries(count: int) -> list[TimeEntry | Expense]:
    return [make.make_time_entry(f"t-{number}") for number in range(count)]


def capped(hours: str) -> ContractVersion:
    cap = Cap(cap_id="budget", hours=Decimal(hours))
    return make.make_agreement().contract.model_copy(update={"caps": (cap,)})


def bare(invoice: Invoice) -> Invoice:
    """As the store gives it back: lines do not list their transactions."""
    lines = tuple(line.model_copy(update={"transaction_ids": ()}) for line in invoice.lines)
    return invoice.model_copy(update={"lines": lines})


async def made(store: Store) -> dict[str, int]:
    return {table: await store.count(table) for table in MADE}


async def test_a_run_bills_what_is_approved_at_the_rate_of_the_work_date(active: Store) -> None:
    second = make.make_time_entry("t-2", work_date=date(2026, 11, 16))
    await active.work.store_items([ENTRY, second, make.make_expense()])
    summary = await active.bill()
    assert (summary.transactions, summary.held, summary.net) == (3, 0, make.euro("2174.40"))
    found = await active.rows("SELECT external_id, amount FROM billing_transaction ORDER BY 1")
    assert found == [
        ("e-1", Decimal("94.40")),
        ("t-1", Decimal("960.00")),
        ("t-2", Decimal("1120.00")),
    ]
    assert await active.conserves()


async def test_a_draft_comes_back_as_the_engine_made_it(active: Store) -> None:
    items = [*entries(2), make.make_expense(cost=make.euro("33.33"))]
    await active.work.store_items(items)
    assert await active.draft_of() == bare(make.make_invoice(items))


async def test_a_transaction_says_whence_it_came_and_how_it_was_priced(active: Store) -> None:
    await active.work.store_items([ENTRY])
    await active.bill()
    (found,) = await active.rows(
        "SELECT source, external_id, item_version, contract_version, line_id, portion, kind, rate,"
        " rate_basis, role, task, person_name, approved_by, service_period, legal_entity"
        " FROM billing_transaction"
    )
    said = ("kantata", "t-1", 1, 1, "time", 1, "time", 120, "rates#1", "Consultant", "Rollout")
    assert found == (*said, "Ada Berg", "bo@north.example", "2026-11", make.ENTITY)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"work_date": date(2026, 12, 1)}, id="after the period"),
        pytest.param({"work_date": date(2025, 12, 31)}, id="before go-live"),
        pytest.param({"approved_at": make.CUTOFF + timedelta(seconds=1)}, id="approved late"),
        pytest.param({"approved": False}, id="not approved"),
        pytest.param({"billable": False}, id="not billable"),
        pytest.param({"project": make.ERP_INVOICE}, id="of another project"),
    ],
)
async def test_what_does_not_belong_to_the_run_is_left(
    active: Store, changes: dict[str, object]
) -> None:
    await active.work.store_items([make.make_time_entry("t-1", **changes)])
    summary = await active.bill()
    assert (summary.transactions, summary.invoices) == (0, ())


async def test_a_late_item_of_an_earlier_month_is_taken_by_the_next_run(active: Store) -> None:
    await active.work.store_items([ENTRY])
    later = make.CUTOFF + timedelta(days=31)
    december = make.make_run(period="2026-12", cutoff=later)
    assert (await active.bill(december, later)).transactions == 1
    assert await active.column("SELECT service_period FROM billing_transaction") == ["2026-11"]


async def test_items_wait_until_their_project_is_linked(store: Store) -> None:
    await store.hear_deal()
    await store.agree()
    await store.work.store_items([ENTRY])
    assert (await store.bill()).transactions == 0
    await store.activate()
    assert (await store.bill(make.make_run(2))).transactions == 1


async def test_a_repeated_run_answers_again_and_adds_nothing(active: Store) -> None:
    await active.work.store_items(entries(3))
    first, before = await active.bill(), await made(active)
    assert await active.bill() == first
    assert await made(active) == before


async def test_what_arrives_before_a_run_is_repeated_is_the_next_runs(active: Store) -> None:
    await active.work.store_items([ENTRY])
    first = await active.bill()
    await active.work.store_items([make.make_time_entry("just arrived")])
    assert await active.bill() == first
    assert (await active.bill(make.make_run(2))).net == make.euro("960.00")


async def test_two_racing_runs_bill_each_entry_once(active: Store) -> None:
    await active.work.store_items(entries(300))
    one, other = await asyncio.gather(active.bill(RUN), active.bill(make.make_run(2)))
    assert one.transactions + other.transactions == 300
    assert await active.column("SELECT count(DISTINCT item_id) FROM billing_transaction") == [300]
    assert await active.conserves()


async def test_one_run_that_races_with_itself_is_billed_once(active: Store) -> None:
    await active.work.store_items(entries(30))
    answers = await asyncio.gather(*(active.bill() for _ in range(3)))
    assert answers[0].transactions == 30
    assert answers[1:] == answers[:-1]
    assert (await active.count("book_chapter"), await active.count("invoice")) == (1, 1)


async def test_a_recall_that_races_with_billing_is_either_unbilled_or_proposed_for_credit(
    active: Store,
) -> None:
    for number in range(6):
        entry = make.make_time_entry(f"t-{number}")
        await active.work.store_items([entry])
        recall = active.work.store_items([make.later(entry, approved=False)])
        run = active.bill(make.make_run(number + 1))
        _, stored = await asyncio.gather(run, recall)
        _, billed, _, pending = await active.balance(entry)
        assert stored.recalled_after_billing == (billed == 8)
        assert pending == billed
    assert await active.conserves()


async def test_an_error_of_the_rules_passes_through_and_nothing_is_stored(active: Store) -> None:
    await active.work.store_items([ENTRY, make.make_time_entry("t-2", role="Astronaut")])
    with pytest.raises(RateMissing, match="Astronaut"):
        await active.bill()
    assert set((await made(active)).values()) == {0}
    assert await active.count("billing_run") == 0
    assert await active.balance(ENTRY) == (8, 0, 0, 0)


async def test_what_a_cap_holds_stays_unbilled_and_says_why(store: Store) -> None:
    await store.begin(capped("10"))
    await store.work.store_items(entries(2))
    for run in (1, 2):
        assert (await store.bill(make.make_run(run))).held == 1
    assert await store.column("SELECT sum(quantity) FROM billing_transaction") == [10]
    holds = await store.rows("SELECT run, reason, quantity, amount, currency FROM hold ORDER BY 1")
    assert [row[2:] for row in holds] == [(6, Decimal("720.00"), "EUR")] * 2
    assert all("budget" in str(row[1]) for row in holds)


async def test_work_that_no_contract_line_takes_is_held_with_the_reason(store: Store) -> None:
    contract = make.make_agreement().contract
    time_only = contract.model_copy(update={"lines": (contract.lines[0],)})
    await store.begin(time_only)
    await store.work.store_items([make.make_expense()])
    assert (await store.bill()).held == 1
    assert await store.column("SELECT reason FROM hold") == ["no contract line takes it"]


async def test_a_run_keeps_its_cut_off(active: Store) -> None:
    await active.bill()
    moved = make.make_run(cutoff=make.CUTOFF + timedelta(days=1))
    with pytest.raises(RuleViolation, match="needs a new run"):
        await active.bill(moved)


async def test_a_run_of_an_unknown_engagement_is_refused(active: Store) -> None:
    unknown = make.make_run(engagement_id=EngagementId("salesforce/nobody"))
    with pytest.raises(RecordMissing, match="check the id"):
        await active.bill(unknown)


async def test_every_transaction_is_on_one_line_that_is_the_sum_of_its_transactions(
    active: Store,
) -> None:
    await active.work.store_items([*entries(3), make.make_expense()])
    draft = await active.draft_of()
    sums = await active.rows(
        "SELECT i.line_no, sum(t.net) FROM billing_transaction t"
        " LEFT JOIN invoice_transaction i ON i.transaction_id = t.id GROUP BY 1 ORDER BY 1"
    )
    assert sums == [(line.line_no, line.net.amount) for line in draft.lines]


async def test_a_run_over_nothing_finishes_without_an_invoice(active: Store) -> None:
    summary = await active.bill()
    assert (summary.transactions, summary.net, summary.invoices) == (0, None, ())
    assert await active.column("SELECT state FROM billing_run") == ["finished"]


# -- previews --------------------------------------------------------------------------------------


async def test_a_preview_shows_what_the_run_will_make_and_stores_nothing(store: Store) -> None:
    await store.begin(capped("10"))
    await store.work.store_items([*entries(2), make.make_expense()])
    shown = await store.preview()
    assert set((await made(store)).values()) == {0}
    assert await store.count("billing_run") == 0
    (draft,) = shown.invoices
    assert bare(draft) == await store.draft_of()
    assert sum(part.quantity for part in shown.billed if part.kind == "time") == 10
    assert [(part.quantity, part.cap_id) for part in shown.held] == [(Decimal(6), "budget")]
    kept = await store.rows("SELECT posted_on, event FROM journal_entry ORDER BY id")
    assert [(journal.on, journal.event) for journal in shown.journals] == kept


async def test_a_preview_repeated_and_the_run_after_it_make_the_same(active: Store) -> None:
    await active.work.store_items(entries(2))
    first = await active.preview()
    assert await active.preview() == first
    await active.bill()
    assert (await active.preview()).billed == ()
