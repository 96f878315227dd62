"""A billing run over the real store: each item once, nothing that cannot be priced."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from activities.billing import (
    PREVIEW_ROWS_MAX,
    BillingActivities,
    PreviewBilling,
    RunBilling,
)
from canonical.errors import RateMissing, RuleViolation
from canonical.invoice import Invoice
from canonical.landscape import LegalEntity
from canonical.money import Money
from canonical.records import RunSummary
from tests import builders as make
from tests.activities.conftest import NOW, Store, perform


async def bill(store: Store, run: int = 1, entity: LegalEntity | None = None) -> RunSummary:
    """What the workflow calls, in a process of its own that knows `entity` so."""
    landscape = make.make_landscape(entity or make.make_entity())
    activities = BillingActivities(Store.over(store.engine, landscape).billing, lambda: NOW)
    return await perform(activities.bill_run, RunBilling(run=make.make_run(run)))


async def transactions(store: Store) -> int:
    (count,) = await store.column("SELECT count(*) FROM billing_transaction")
    assert isinstance(count, int)
    return count


async def test_approved_work_becomes_transactions_and_one_draft_invoice(active: Store) -> None:
    await active.work.store_items([make.make_time_entry(), make.make_expense()])
    summary = await bill(active)
    assert (summary.transactions, summary.held) == (2, 0)
    assert summary.net == make.euro("1054.40")  # 8 h at 120.00, and 89.90 plus 5 %
    (invoice,) = summary.invoices
    assert (await active.invoices.invoice(invoice)).net == summary.net


async def test_work_is_priced_at_the_rate_of_its_own_day(active: Store) -> None:
    days = (date(2026, 11, 15), date(2026, 11, 16))
    await active.work.store_items(
        [make.make_time_entry(f"t-{day}", work_date=day, hours=Decimal(1)) for day in days]
    )
    assert (await bill(active)).net == make.euro("260.00")


async def test_a_run_that_is_repeated_adds_nothing(active: Store) -> None:
    await active.work.store_items([make.make_time_entry()])
    first = await bill(active)
    assert await bill(active) == first
    assert await transactions(active) == 1
    assert await active.conserves()


async def test_a_run_whose_answer_was_lost_is_answered_by_another_process(active: Store) -> None:
    await active.work.store_items([make.make_time_entry()])
    await active.bill()
    assert len((await bill(active)).invoices) == 1
    assert await transactions(active) == 1


async def test_what_arrives_between_the_draft_and_a_repetition_is_the_next_runs(
    draft: Invoice, store: Store
) -> None:
    await store.work.store_items([make.make_time_entry("just arrived")])
    assert (await bill(store)).invoices == (draft.id,)
    assert await transactions(store) == 1
    assert (await bill(store, 2)).net == make.euro("960.00")


async def test_what_arrives_after_an_empty_run_is_the_next_runs(active: Store) -> None:
    await bill(active)
    await active.work.store_items([make.make_time_entry()])
    assert (await bill(active)).invoices == ()
    assert (await bill(active, 2)).net == make.euro("960.00")


async def test_a_later_run_bills_only_what_came_after(active: Store) -> None:
    await active.work.store_items([make.make_time_entry("a")])
    await bill(active, 1)
    await active.work.store_items([make.make_time_entry("a"), make.make_time_entry("b")])
    assert (await bill(active, 2)).net == make.euro("960.00")


async def test_a_run_without_approved_work_has_no_invoice(active: Store) -> None:
    await active.work.store_items([make.make_time_entry(approved=False, approved_at=None)])
    summary = await bill(active)
    assert (summary.transactions, summary.net, summary.invoices) == (0, None, ())


@pytest.mark.parametrize("role", ["Wizard", ""], ids=["unmapped", "none"])
async def test_a_role_without_a_rate_is_named_and_nothing_at_all_is_billed(
    active: Store, role: str
) -> None:
    await active.work.store_items(
        [make.make_time_entry("good"), make.make_time_entry("x", role=role)]
    )
    with pytest.raises(RateMissing) as missing:
        await bill(active)
    assert (missing.value.line_id, missing.value.role) == ("time", role or "(none)")
    assert missing.value.work_date == date(2026, 11, 5)
    assert missing.value.item == "kantata/time/x"
    assert await transactions(active) == 0


async def test_a_mapped_role_without_a_rate_in_the_contract_is_named_too(active: Store) -> None:
    await active.work.store_items([make.make_time_entry(role="Architect")])
    with pytest.raises(RateMissing, match="line time has no rate for role 'Architect'"):
        await bill(active)


async def test_a_cost_in_a_currency_without_a_rate_is_refused_by_name(active: Store) -> None:
    dollars = Money(amount=Decimal(50), currency="USD")
    await active.work.store_items([make.make_time_entry(), make.make_expense(cost=dollars)])
    with pytest.raises(RuleViolation, match=r"expense-tool/expense/e-1 \(no USD/EUR rate"):
        await bill(active)
    assert await transactions(active) == 0


async def test_work_before_the_contract_begins_is_held_with_its_reason(active: Store) -> None:
    early = make.make_time_entry("early", work_date=date(2026, 10, 31))
    await active.work.store_items([make.make_time_entry(), early])
    summary = await bill(active)
    assert (summary.transactions, summary.held) == (1, 1)
    (reason,) = await active.column("SELECT reason FROM hold")
    assert reason == "its date is before the contract begins on 2026-11-01"


def test_negative_hours_never_become_an_item() -> None:
    with pytest.raises(ValidationError, match="hours"):
        make.make_time_entry(hours=Decimal("-1"))


async def test_work_before_go_live_is_never_billed_by_us(active: Store) -> None:
    days = (date(2026, 11, 9), date(2026, 11, 10))
    await active.work.store_items([make.make_time_entry(f"t-{day}", work_date=day) for day in days])
    summary = await bill(active, entity=make.make_entity(go_live=date(2026, 11, 10)))
    assert await active.column("SELECT work_date FROM billing_transaction") == [days[1]]
    assert summary.transactions == 1


async def test_work_of_the_next_period_and_late_approvals_wait(active: Store) -> None:
    late = make.CUTOFF + timedelta(seconds=1)
    await active.work.store_items(
        [
            make.make_time_entry("next", work_date=date(2026, 12, 1)),
            make.make_time_entry("late", approved_at=late),
        ]
    )
    assert (await bill(active)).transactions == 0


async def test_many_items_add_up_on_one_line(active: Store) -> None:
    entry = make.make_time_entry(hours=Decimal("0.25"))
    names = (f"t-{number}" for number in range(12_000))
    await active.work.store_items(
        [entry.model_copy(update={"external_id": name}) for name in names]
    )
    summary = await bill(active)
    assert (summary.transactions, summary.net) == (12_000, make.euro("360000.00"))
    (invoice,) = summary.invoices
    assert len((await active.invoices.invoice(invoice)).lines) == 1
    assert await active.conserves()


async def test_a_preview_is_short_enough_for_a_history_and_stores_nothing(active: Store) -> None:
    await active.work.store_items([make.make_time_entry(f"t-{number}") for number in range(60)])
    activities = BillingActivities(active.billing, lambda: NOW)
    request = PreviewBilling(engagement_id=make.ENGAGEMENT, period=make.PERIOD)
    shown = await perform(activities.preview_billing, request)
    assert len(shown.billed) == PREVIEW_ROWS_MAX
    assert [invoice.net for invoice in shown.invoices] == [make.euro("57600.00")]
    assert (shown.run.run, shown.run.cutoff) == (1, NOW)
    assert await transactions(active) == 0
