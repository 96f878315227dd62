"""Billing runs: every approved item once, whatever races, repeats or is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from canonical.billing import BillingTransaction, Hold, RunOutcome
from canonical.errors import RateMissing, RecordMissing, RuleViolation
from canonical.ids import EngagementId, WorkItemId
from canonical.invoice import Invoice
from canonical.invoicing import build_invoice
from canonical.rules.context import RatedItem
from canonical.work import Expense, TimeEntry
from tests import builders as make
from tests.store.conftest import Store, pricing

ENTRY = make.make_time_entry()
RUN = make.make_run()


def entries(count: int) -> list[TimeEntry | Expense]:
    return [make.make_time_entry(f"t-{number}") for number in range(count)]


async def transactions_of(store: Store, run: int = 1) -> list[BillingTransaction]:
    pages = store.billing.run_transactions(make.make_run(run))
    return [each async for page in pages for each in page]


def invoice_over(transactions: Sequence[BillingTransaction], run: int = 1) -> Invoice:
    agreement = make.make_agreement()
    code = agreement.plan.code
    of_run = make.make_run(run)
    return build_invoice(of_run, agreement.contract, make.make_entity(), code, transactions)


async def test_a_run_bills_what_is_approved_at_the_rate_of_the_work_date(active: Store) -> None:
    second = make.make_time_entry("t-2", work_date=date(2026, 11, 16))
    await active.work.store_items([ENTRY, second, make.make_expense()])
    chunk = await active.bill()
    assert (chunk.items, chunk.transactions, chunk.held) == (3, 3, 0)
    amounts = {each.external_id: each.amount for each in await transactions_of(active)}
    assert amounts == {
        "t-1": make.euro("960.00"),
        "t-2": make.euro("1120.00"),
        "e-1": make.euro("94.40"),
    }
    assert await active.conserves()


async def test_a_transaction_comes_back_as_the_rules_made_it(active: Store) -> None:
    await active.work.store_items([make.make_expense(cost=make.euro("33.33"))])
    made = pricing(RUN)(await active.offered()).transactions
    await active.bill()
    assert await transactions_of(active) == list(made)


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
    assert (await active.bill()).items == 0


async def test_a_late_item_of_an_earlier_month_is_taken_by_the_next_run(active: Store) -> None:
    await active.work.store_items([make.make_time_entry()])
    later = make.CUTOFF + timedelta(days=31)
    december = make.make_run(period="2026-12", cutoff=later)
    assert (await active.bill(december)).transactions == 1


async def test_items_wait_until_their_project_is_linked(store: Store) -> None:
    await store.hear_deal()
    await store.agree()
    await store.work.store_items([ENTRY])
    assert (await store.bill()).items == 0
    await store.activate()
    assert (await store.bill()).transactions == 1


async def test_chunks_follow_each_other_until_one_is_short(active: Store) -> None:
    await active.work.store_items(entries(5))
    after: WorkItemId | None = None
    sizes: list[int] = []
    while not sizes or sizes[-1] == 2:
        chunk = await active.billing.bill_chunk(RUN, after, 2, make.GO_LIVE, pricing(RUN))
        after, sizes = chunk.last_item, [*sizes, chunk.items]
    assert sizes == [2, 2, 1]
    assert len(await transactions_of(active)) == 5


async def test_a_repeated_chunk_bills_nothing_twice(active: Store) -> None:
    await active.work.store_items(entries(3))
    await active.bill()
    assert (await active.bill()).transactions == 0
    assert len(await transactions_of(active)) == 3


async def test_two_racing_runs_bill_each_entry_once(active: Store) -> None:
    await active.work.store_items(entries(300))
    chunks = await asyncio.gather(active.bill(RUN), active.bill(make.make_run(2)))
    assert sum(chunk.transactions for chunk in chunks) == 300
    assert await active.column("SELECT count(DISTINCT item_id) FROM billing_transaction") == [300]
    assert await active.conserves()


async def test_a_recall_that_races_with_billing_is_either_unbilled_or_proposed_for_credit(
    active: Store,
) -> None:
    for number in range(6):
        entry = make.make_time_entry(f"t-{number}")
        await active.work.store_items([entry])
        recall = active.work.store_items([make.later(entry, approved=False)])
        _, stored = await asyncio.gather(active.bill(), recall)
        _, billed, _, pending = await active.balance(entry)
        assert stored.recalled_after_billing == (billed == 8)
        assert pending == billed
    assert await active.conserves()


async def test_an_error_of_the_rules_passes_through_and_nothing_is_stored(active: Store) -> None:
    await active.work.store_items([ENTRY, make.make_time_entry("t-2", role="Astronaut")])
    with pytest.raises(RateMissing, match="Astronaut"):
        await active.bill()
    assert await transactions_of(active) == []
    assert await active.balance(ENTRY) == (8, 0, 0, 0)


async def test_a_held_item_stays_unbilled_and_says_why(active: Store) -> None:
    def hold(items: Sequence[RatedItem]) -> RunOutcome:
        return RunOutcome(
            holds=tuple(
                Hold(item_id=each.item.id, quantity=each.unbilled, reason="cap", detail="reached")
                for each in items
            )
        )

    await active.work.store_items([ENTRY])
    for _ in range(2):
        chunk = await active.billing.bill_chunk(RUN, None, 10, make.GO_LIVE, hold)
        assert (chunk.items, chunk.transactions, chunk.held) == (1, 0, 1)
    assert await active.column("SELECT reason FROM hold") == ["cap"]
    assert (await active.bill(make.make_run(2))).transactions == 1


async def test_a_run_keeps_its_cut_off(active: Store) -> None:
    await active.bill()
    moved = make.make_run(cutoff=make.CUTOFF + timedelta(days=1))
    with pytest.raises(RuleViolation, match="needs a new run"):
        await active.bill(moved)


async def test_a_run_of_an_unknown_engagement_is_refused(active: Store) -> None:
    unknown = make.make_run(engagement_id=EngagementId("salesforce/nobody"))
    with pytest.raises(RecordMissing, match="check the id"):
        await active.bill(unknown)


async def test_drafts_are_saved_once_with_their_lines_and_transactions(active: Store) -> None:
    await active.work.store_items([*entries(3), make.make_expense()])
    await active.bill()
    draft = invoice_over(await transactions_of(active))
    for _ in range(2):
        await active.billing.save_invoices(RUN, [draft])
    assert await active.column("SELECT count(*) FROM invoice_transaction") == [4]
    summary = await active.billing.finish_run(RUN)
    assert summary == await active.billing.finish_run(RUN)
    assert (summary.transactions, summary.net) == (4, draft.net)
    assert summary.invoices == (draft.id,)


async def test_a_saved_draft_comes_back_as_it_was_without_its_transaction_ids(
    active: Store,
) -> None:
    await active.work.store_items([ENTRY])
    await active.bill()
    draft = invoice_over(await transactions_of(active))
    await active.billing.save_invoices(RUN, [draft])
    bare = [line.model_copy(update={"transaction_ids": ()}) for line in draft.lines]
    assert await active.invoices.invoice(draft.id) == draft.model_copy(
        update={"lines": tuple(bare)}
    )


async def test_a_line_that_is_not_the_sum_of_its_transactions_is_refused(active: Store) -> None:
    await active.work.store_items(entries(2))
    await active.bill()
    draft = invoice_over(await transactions_of(active))
    line = draft.lines[0]
    short = line.model_copy(update={"transaction_ids": line.transaction_ids[:1]})
    with pytest.raises(RuleViolation, match=r"add up to 960\.00 EUR"):
        await active.billing.save_invoices(RUN, [draft.model_copy(update={"lines": (short,)})])
    assert await active.column("SELECT count(*) FROM invoice") == [0]


async def test_a_run_is_not_finished_while_a_transaction_is_on_no_invoice(active: Store) -> None:
    await active.work.store_items([ENTRY])
    await active.bill()
    with pytest.raises(RuleViolation, match=r"1 transactions .* on no invoice"):
        await active.billing.finish_run(RUN)


async def test_a_run_over_nothing_finishes_without_an_invoice(active: Store) -> None:
    await active.bill()
    summary = await active.billing.finish_run(RUN)
    assert (summary.transactions, summary.net, summary.invoices) == (0, None, ())
    assert await active.column("SELECT state FROM billing_run") == ["finished"]
