"""A billing run over the real store: each item once, nothing that cannot be priced, in chunks."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from activities import billing
from activities.billing import BillingActivities, RunBilling
from canonical.errors import CurrencyMismatch, RateMissing, RuleViolation
from canonical.invoice import Invoice
from canonical.landscape import LegalEntity
from canonical.money import Money
from canonical.records import RunSummary
from tests import builders as make
from tests.activities.conftest import Store, perform


async def rate(store: Store, run: int = 1, entity: LegalEntity | None = None) -> RunSummary:
    landscape = make.make_landscape(entity or make.make_entity())
    activities = BillingActivities(store.billing, store.engagements, landscape)
    return await perform(activities.rate_run, RunBilling(run=make.make_run(run)))


async def transactions(store: Store) -> int:
    (count,) = await store.column("SELECT count(*) FROM billing_transaction")
    assert isinstance(count, int)
    return count


async def test_approved_work_becomes_transactions_and_one_draft_invoice(active: Store) -> None:
    await active.work.store_items([make.make_time_entry(), make.make_expense()])
    summary = await rate(active)
    assert (summary.transactions, summary.held) == (2, 0)
    assert summary.net == make.euro("1054.40")  # 8 h at 120.00, and 89.90 plus 5 %
    (invoice,) = summary.invoices
    assert (await active.invoices.invoice(invoice)).net == summary.net


async def test_work_is_priced_at_the_rate_of_its_own_day(active: Store) -> None:
    days = (date(2026, 11, 15), date(2026, 11, 16))
    await active.work.store_items(
        [make.make_time_entry(f"t-{day}", work_date=day, hours=Decimal(1)) for day in days]
    )
    assert (await rate(active)).net == make.euro("260.00")


async def test_a_run_that_is_repeated_adds_nothing(active: Store) -> None:
    await active.work.store_items([make.make_time_entry()])
    first = await rate(active)
    assert await rate(active) == first
    assert await transactions(active) == 1
    assert await active.conserves()


async def test_a_run_that_crashed_between_rating_and_drafting_is_finished(active: Store) -> None:
    await active.work.store_items([make.make_time_entry()])
    await active.bill()
    assert await active.column("SELECT count(*) FROM invoice") == [0]
    assert len((await rate(active)).invoices) == 1
    assert await transactions(active) == 1


async def test_what_arrives_between_the_draft_and_a_repetition_is_the_next_runs(
    draft: Invoice, store: Store
) -> None:
    await store.work.store_items([make.make_time_entry("just arrived")])
    assert (await rate(store)).invoices == (draft.id,)
    assert await transactions(store) == 1
    assert (await rate(store, 2)).net == make.euro("960.00")


async def test_what_arrives_after_an_empty_run_is_the_next_runs(active: Store) -> None:
    await rate(active)
    await active.work.store_items([make.make_time_entry()])
    assert (await rate(active)).invoices == ()
    assert (await rate(active, 2)).net == make.euro("960.00")


async def test_a_later_run_bills_only_what_came_after(active: Store) -> None:
    await active.work.store_items([make.make_time_entry("a")])
    await rate(active, 1)
    await active.work.store_items([make.make_time_entry("a"), make.make_time_entry("b")])
    assert (await rate(active, 2)).net == make.euro("960.00")


async def test_a_run_without_approved_work_has_no_invoice(active: Store) -> None:
    await active.work.store_items([make.make_time_entry(approved=False, approved_at=None)])
    summary = await rate(active)
    assert (summary.transactions, summary.net, summary.invoices) == (0, None, ())


@pytest.mark.parametrize("role", ["Wizard", ""], ids=["unmapped", "none"])
async def test_a_role_without_a_rate_is_named_and_nothing_at_all_is_billed(
    active: Store, role: str
) -> None:
    await active.work.store_items(
        [make.make_time_entry("good"), make.make_time_entry("x", role=role)]
    )
    with pytest.raises(RateMissing) as missing:
        await rate(active)
    assert (missing.value.line_id, missing.value.role) == ("time", role or "(none)")
    assert missing.value.work_date == date(2026, 11, 5)
    assert missing.value.item == "kantata/x"
    assert await transactions(active) == 0


async def test_a_mapped_role_without_a_rate_in_the_contract_is_named_too(active: Store) -> None:
    await active.work.store_items([make.make_time_entry(role="Architect")])
    with pytest.raises(RateMissing, match="line time has no rate for role 'Architect'"):
        await rate(active)


async def test_a_cost_in_another_currency_is_refused_with_both(active: Store) -> None:
    dollars = Money(amount=Decimal(50), currency="USD")
    await active.work.store_items([make.make_time_entry(), make.make_expense(cost=dollars)])
    with pytest.raises(CurrencyMismatch, match="expense-tool/e-1 of 2026-11-06 is in USD"):
        await rate(active)
    assert await transactions(active) == 0


async def test_work_before_the_contract_begins_stops_the_run(active: Store) -> None:
    await active.work.store_items([make.make_time_entry(work_date=date(2026, 10, 31))])
    with pytest.raises(RuleViolation, match="before the contract begins"):
        await rate(active)
    assert await transactions(active) == 0


def test_negative_hours_never_become_an_item() -> None:
    with pytest.raises(ValidationError, match="hours"):
        make.make_time_entry(hours=Decimal("-1"))


async def test_work_before_go_live_is_never_billed_by_us(active: Store) -> None:
    days = (date(2026, 11, 9), date(2026, 11, 10))
    await active.work.store_items([make.make_time_entry(f"t-{day}", work_date=day) for day in days])
    summary = await rate(active, entity=make.make_entity(go_live=date(2026, 11, 10)))
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
    assert (await rate(active)).transactions == 0


async def test_many_items_are_billed_in_chunks_and_add_up(
    active: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(billing, "ITEMS_PER_CHUNK", 5_000)
    entry = make.make_time_entry(hours=Decimal("0.25"))
    names = (f"t-{number}" for number in range(12_000))
    await active.work.store_items(
        [entry.model_copy(update={"external_id": name}) for name in names]
    )
    summary = await rate(active)
    assert (summary.transactions, summary.net) == (12_000, make.euro("360000.00"))
    (invoice,) = summary.invoices
    assert len((await active.invoices.invoice(invoice)).lines) == 1
    assert await active.conserves()
