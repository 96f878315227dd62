"""Facts: acceptances, progress, releases and rates, each heard once, by the next that needs it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
import pytest_asyncio

from canonical.billing import BillingRun, RunKind
from canonical.contract import ContractVersion
from canonical.errors import RuleViolation
from canonical.events import (
    Event,
    ExchangeRatesPublished,
    MilestoneAchieved,
    ProgressReported,
    RetentionReleased,
)
from canonical.ids import ExternalRef, InvoiceId
from canonical.money import Money
from canonical.records import RunSummary
from canonical.terms.lines import FixedFeeLine, Milestone, MilestonesLine, ScheduleItem
from canonical.terms.policies import RevenueTiming
from canonical.work import Expense
from tests import builders as make
from tests.store.books.seeding import add_version
from tests.store.conftest import Store

NOVEMBER, DECEMBER = "2026-11", "2026-12"
CONTRACT = make.make_agreement().contract.contract_id


def contract(*lines: MilestonesLine | FixedFeeLine) -> ContractVersion:
    return make.make_agreement().contract.model_copy(update={"lines": lines})


MILESTONES = contract(
    MilestonesLine(
        line_id="steps",
        tax_code="DE19",
        retention_percent=Decimal(10),
        milestones=(
            Milestone(milestone_id="design", amount=Decimal(1000), name="Design"),
            Milestone(milestone_id="build", amount=Decimal(2000), name="Build"),
        ),
    )
)
FIXED = contract(
    FixedFeeLine(
        line_id="fee",
        tax_code="DE19",
        price=Decimal(10_000),
        schedule=(ScheduleItem(item_id="start", due_on=date(2026, 11, 1), amount=Decimal(4000)),),
        revenue=RevenueTiming.PERCENT_COMPLETE,
    )
)


def accepted(milestone: str, identity: str = "", **changes: object) -> MilestoneAchieved:
    values = {
        "id": identity or milestone,
        "source": make.PSA,
        "occurred_at": make.RECEIVED_AT,
        "project": make.PSA_PROJECT,
        "milestone": milestone,
        "accepted_by": "Cara Falk",
        "accepted_on": date(2026, 11, 20),
        "document_hash": "sha256:1f",
    }
    return MilestoneAchieved.model_validate({**values, **changes})


def reported(to_date: str, day: date, **changes: object) -> ProgressReported:
    values = {
        "id": f"{day}/{to_date}",
        "source": make.PSA,
        "occurred_at": make.RECEIVED_AT,
        "project": make.PSA_PROJECT,
        "as_of": day,
        "to_date": Decimal(to_date),
        "estimate": Decimal(8000),
    }
    return ProgressReported.model_validate({**values, **changes})


async def hear(store: Store, *events: Event) -> None:
    for event in events:
        await store.events.record_event(event, make.RECEIVED_AT)


async def bill(store: Store, number: int = 1) -> RunSummary:
    run = make.make_run(number, cutoff=make.CUTOFF + timedelta(days=number - 1))
    return await store.bill(run, run.cutoff)


async def close(store: Store, period: str = NOVEMBER, days: int = 0) -> bool:
    return await store.books.close_revenue(CONTRACT, period, make.CUTOFF + timedelta(days=days))


# -- milestones ------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def in_steps(store: Store) -> Store:
    await store.begin(MILESTONES)
    return store


async def test_an_accepted_milestone_is_billed_by_the_next_run_without_what_is_kept_back(
    in_steps: Store,
) -> None:
    assert (await bill(in_steps, 1)).transactions == 0
    await hear(in_steps, accepted("design"))
    assert (await bill(in_steps, 2)).net == make.euro("900.00")
    lines = await in_steps.rows("SELECT kind, net FROM invoice_line ORDER BY line_no")
    assert lines == [("milestone", 1000), ("retention", -100)]
    assert await in_steps.is_proven()


async def test_a_milestone_is_heard_and_billed_once_however_often_it_is_told(
    in_steps: Store,
) -> None:
    await hear(in_steps, accepted("design"), accepted("design"))
    await bill(in_steps, 1)
    await hear(in_steps, accepted("design", "told again under another id"))
    assert (await bill(in_steps, 2)).transactions == 0
    assert await in_steps.count("book_fact") == 2


async def test_a_fact_that_waited_for_its_project_is_heard_when_it_is_linked(store: Store) -> None:
    agreement = make.make_agreement().model_copy(update={"contract": MILESTONES})
    await store.hear_deal()
    await store.agree(agreement)
    await hear(store, accepted("design"))
    assert await store.column("SELECT state FROM business_event WHERE type LIKE 'mile%'") == [
        "waiting"
    ]
    await store.activate()
    assert (await bill(store)).transactions == 2


async def test_a_fact_that_the_contract_has_no_place_for_is_a_case_and_stops_nothing(
    in_steps: Store,
) -> None:
    await hear(in_steps, accepted("desing"), accepted("build"))
    assert (await bill(in_steps, 1)).net == make.euro("1800.00")
    (message,) = await in_steps.column("SELECT message FROM exception_case")
    assert "the contract has no milestone 'desing' (there is build, design)" in str(message)
    await hear(in_steps, accepted("design"))
    assert (await bill(in_steps, 2)).net == make.euro("900.00")
    assert await in_steps.column("SELECT occurrences FROM exception_case") == [2]
    assert await in_steps.is_proven()


async def test_progress_of_a_line_that_is_not_there_is_a_case_too(in_steps: Store) -> None:
    await hear(in_steps, reported("100", date(2026, 11, 30)))
    await close(in_steps)
    assert await in_steps.column("SELECT cause FROM exception_case") == ["FactRefused"]


async def test_a_fact_that_was_refused_is_heard_when_a_version_has_a_place_for_it(
    in_steps: Store,
) -> None:
    await hear(in_steps, accepted("training"))
    assert (await bill(in_steps, 1)).transactions == 0
    (line,) = MILESTONES.lines
    assert isinstance(line, MilestonesLine)
    training = Milestone(milestone_id="training", amount=Decimal(500))
    wider = line.model_copy(update={"milestones": (*line.milestones, training)})
    changes = {"version": 2, "effective_from": date(2026, 11, 15), "lines": (wider,)}
    await add_version(in_steps.engine, MILESTONES.model_copy(update=changes))
    assert (await bill(in_steps, 2)).net == make.euro("450.00")
    assert await in_steps.is_proven()


# -- what the client kept back ---------------------------------------------------------------------


async def release(store: Store, identity: str, *milestones: str) -> BillingRun:
    """The run that the event opened."""
    event = RetentionReleased(
        id=identity,
        source=make.PSA,
        occurred_at=make.CUTOFF + timedelta(days=1),
        project=make.PSA_PROJECT,
        condition="final acceptance",
        milestones=milestones,
    )
    recorded = await store.events.record_event(event, make.RECEIVED_AT)
    news = await store.engagements.take_news(recorded.recipients[0], identity)
    (told,) = [each for each in news if each.type == "retention.released"]
    assert told.cutoff is not None
    return make.make_run(
        told.run, period=told.period, cutoff=told.cutoff, kind=RunKind.RETENTION_RELEASE
    )


async def post_all(store: Store) -> None:
    """All drafts."""
    for found in await store.column("SELECT id::text FROM invoice WHERE state = 'draft'"):
        number = str(found)
        reference = ExternalRef(system=make.ERP, kind="account.invoice", id=number)
        await store.post(InvoiceId(number), reference=reference, number=number)


async def test_what_was_kept_back_is_billed_by_a_run_of_its_own_and_is_no_revenue(
    in_steps: Store,
) -> None:
    await hear(in_steps, accepted("design"), accepted("build"))
    await bill(in_steps)
    await post_all(in_steps)
    assert (await in_steps.sums())[DECEMBER, "1250"] == 300
    earned = await revenue(in_steps)
    run = await release(in_steps, "r-1", "design")
    summary = await in_steps.bill(run, run.cutoff)
    assert (summary.net, len(summary.invoices)) == (make.euro("100.00"), 1)
    assert await in_steps.bill(run, run.cutoff) == summary
    await post_all(in_steps)
    assert (await in_steps.sums())[DECEMBER, "1250"] == 200
    assert await revenue(in_steps) == earned == -3000
    assert await in_steps.is_proven()


async def revenue(store: Store) -> Decimal:
    return sum(
        (amount for (_, account), amount in (await store.sums()).items() if account == "4000"),
        Decimal(0),
    )


async def test_a_release_takes_no_work_and_no_other_milestone(in_steps: Store) -> None:
    await hear(in_steps, accepted("design"))
    await bill(in_steps)
    await post_all(in_steps)
    await hear(in_steps, accepted("build"))
    run = await release(in_steps, "r-1")
    assert (await in_steps.bill(run, run.cutoff)).net == make.euro("100.00")


async def test_a_release_of_what_nobody_kept_is_refused_and_can_be_repeated(
    in_steps: Store,
) -> None:
    run = await release(in_steps, "r-1")
    with pytest.raises(RuleViolation, match="retains nothing"):
        await in_steps.bill(run, run.cutoff)
    await hear(in_steps, accepted("design"))
    await bill(in_steps)
    await post_all(in_steps)
    assert (await in_steps.bill(run, run.cutoff)).net == make.euro("100.00")


# -- progress --------------------------------------------------------------------------------------


async def test_progress_becomes_revenue_at_the_close_and_a_row_of_the_schedule(
    store: Store,
) -> None:
    await store.begin(FIXED)
    await hear(store, reported("2000", date(2026, 11, 30)))
    assert await close(store)
    assert (await store.sums())[NOVEMBER, "4000"] == -2500
    await hear(store, reported("4000", date(2026, 12, 31)))
    assert await close(store, DECEMBER, days=30)
    schedule = await store.rows(
        "SELECT as_of, to_date, revenue_to_date, revenue_in_period FROM revenue_schedule"
        " ORDER BY chapter_id"
    )
    assert schedule == [
        (date(2026, 11, 30), 2000, 2500, 2500),
        (date(2026, 12, 31), 4000, 5000, 2500),
    ]
    assert await store.is_proven()


async def test_a_report_of_the_future_waits_for_its_period(store: Store) -> None:
    await store.begin(FIXED)
    await hear(store, reported("2000", date(2026, 12, 31)))
    await close(store)
    assert (NOVEMBER, "4000") not in await store.sums()
    await close(store, DECEMBER, days=30)
    assert (await store.sums())[DECEMBER, "4000"] == -2500


async def test_the_order_in_which_reports_came_does_not_matter(store: Store) -> None:
    await store.begin(FIXED)
    await hear(store, reported("3000", date(2026, 11, 30)), reported("2000", date(2026, 11, 20)))
    await close(store)
    assert (await store.sums())[NOVEMBER, "4000"] == -3750


# -- exchange rates --------------------------------------------------------------------------------


def published(rate: str, identity: str = "1") -> ExchangeRatesPublished:
    return ExchangeRatesPublished(
        id=identity,
        source="bank",
        occurred_at=make.RECEIVED_AT,
        rate_on=date(2026, 11, 5),
        rates={"USD/EUR": Decimal(rate)},
    )


def in_dollars(name: str) -> Expense:
    return make.make_expense(name, cost=Money(amount=Decimal("100.00"), currency="USD"))


async def amounts(store: Store) -> list[object]:
    return await store.column("SELECT amount FROM billing_transaction ORDER BY external_id")


async def test_an_expense_waits_for_the_rate_of_its_currency(active: Store) -> None:
    await active.work.store_items([in_dollars("e-1")])
    with pytest.raises(RuleViolation, match=r"expense-tool/expense/e-1 \(no USD/EUR rate"):
        await bill(active)
    await hear(active, published("0.9"))
    await bill(active)
    assert await amounts(active) == [Decimal("94.50")]  # 100.00 x 0.9 + 5 %


async def test_a_rate_corrected_later_holds_for_what_is_heard_after_it_alone(
    active: Store,
) -> None:
    await hear(active, published("0.9"))
    await active.work.store_items([in_dollars("e-1")])
    await bill(active, 1)
    await hear(active, published("0.8", "correction"))
    await active.work.store_items([in_dollars("e-2")])
    await bill(active, 2)
    assert await amounts(active) == [Decimal("94.50"), Decimal("84.00")]
    through = await active.column("SELECT rates_through FROM book_chapter ORDER BY id")
    assert through == [1, 2]
    assert await active.is_proven()


async def test_an_expense_keeps_the_rate_at_which_it_was_heard(active: Store) -> None:
    await hear(active, published("0.9"))
    taxi = in_dollars("e-1")
    await active.work.store_items([taxi])
    await bill(active, 1)
    kept = await active.sums()
    await hear(active, published("0.8", "correction"))
    told_again = {"version": taxi.version + timedelta(hours=1), "description": "to the airport"}
    await active.work.store_items([taxi.model_copy(update=told_again)])
    assert (await bill(active, 2)).transactions == 0
    assert await active.sums() == kept
    assert await active.is_proven()
