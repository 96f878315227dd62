"""Events are recorded once and reach whom their subject belongs to, whenever the link appears."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.errors import RecordExists
from canonical.events import (
    Event,
    PaymentReceived,
    PeriodLocked,
    SourceCompleted,
    TimeApproved,
    TimeRecalled,
)
from canonical.ids import ExternalRef
from canonical.transitions import EngagementStage
from canonical.work import SourceTotals
from store.engine import transaction
from tests import builders as make
from tests.store.conftest import Store

PROCESS = f"engagement/{make.ENGAGEMENT}"


def other_deal(number: int) -> ExternalRef:
    return ExternalRef(system=make.CRM, kind="Opportunity", id=f"00600000000000{number}AAA")


async def test_a_closed_deal_opens_its_engagement_once(store: Store) -> None:
    first = await store.events.record_event(make.make_deal_closed(), make.RECEIVED_AT)
    again = await store.events.record_event(make.make_deal_closed(), make.RECEIVED_AT)
    assert (first.new, first.recipients) == (True, (PROCESS,))
    assert (again.new, again.recipients) == (False, (PROCESS,))
    assert (await store.engagements.engagement(make.ENGAGEMENT)).stage is EngagementStage.RECEIVED


async def test_the_same_event_recorded_by_two_at_once_is_one(store: Store) -> None:
    record = store.events.record_event
    results = await asyncio.gather(
        *(record(make.make_deal_closed(), make.RECEIVED_AT) for _ in range(4))
    )
    assert [result.new for result in results].count(True) == 1
    assert await store.column("SELECT count(*) FROM event_delivery") == [1]


async def test_an_event_recorded_in_a_transaction_that_fails_leaves_nothing(
    store: Store, engine: AsyncEngine
) -> None:
    async def record_and_fail() -> None:
        async with transaction(engine) as connection:
            await store.events.record(connection, make.make_deal_closed(), make.RECEIVED_AT)
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        await record_and_fail()
    assert await store.column("SELECT count(*) FROM business_event") == [0]
    assert await store.column("SELECT count(*) FROM engagement") == [0]


@pytest.mark.parametrize("ended", [EngagementStage.CANCELLED, EngagementStage.CLOSED])
@pytest.mark.parametrize(
    "event",
    [
        pytest.param(make.make_deal_closed("late"), id="deal"),
        pytest.param(make.make_cutoff("late", project=make.PSA_PROJECT), id="cut-off"),
    ],
)
async def test_an_event_of_an_ended_engagement_is_late_and_becomes_a_case(
    active: Store, ended: EngagementStage, event: Event
) -> None:
    await active.engagements.set_stage(make.ENGAGEMENT, ended)
    late = await active.events.record_event(event, make.RECEIVED_AT)
    assert (late.new, late.recipients, late.waiting) == (True, (), False)
    assert await active.column("SELECT cause FROM exception_case") == ["LateEvent"]
    state = "SELECT state FROM business_event WHERE external_id = 'late'"
    assert await active.column(state) == ["late"]


@pytest.mark.parametrize("stage", [EngagementStage.ACTIVE, EngagementStage.CLOSED])
async def test_a_deal_told_in_the_revision_that_was_read_is_no_news(
    active: Store, stage: EngagementStage
) -> None:
    if stage is EngagementStage.CLOSED:
        await active.engagements.set_stage(make.ENGAGEMENT, stage)
    (read,) = await active.column("SELECT deal ->> 'revision' FROM engagement")
    echo = make.make_deal_closed("sweep", revision=read)
    assert (await active.events.record_event(echo, make.RECEIVED_AT)).recipients == ()
    state = "SELECT state FROM business_event WHERE external_id = 'sweep'"
    assert await active.column(state) == ["ignored"]
    assert await active.column("SELECT cause FROM exception_case") == []


async def test_a_deal_told_in_another_revision_is_news(active: Store) -> None:
    changed = make.make_deal_closed("sweep", revision="another")
    recorded = await active.events.record_event(changed, make.RECEIVED_AT)
    assert recorded.recipients == (PROCESS,)


async def test_a_cut_off_opens_a_run_for_every_active_engagement_of_the_entity(
    active: Store,
) -> None:
    await active.events.record_event(
        make.make_deal_closed("n-2", deal=other_deal(2)), make.RECEIVED_AT
    )  # received, not active: it has nothing to bill
    recorded = await active.events.record_event(make.make_cutoff(), make.RECEIVED_AT)
    assert recorded.recipients == (PROCESS,)
    assert await active.column("SELECT run FROM billing_run") == [1]


async def test_runs_are_numbered_per_period_also_when_cut_offs_come_at_once(
    active: Store,
) -> None:
    record = active.events.record_event
    await asyncio.gather(
        *(record(make.make_cutoff(f"c-{n}"), make.RECEIVED_AT) for n in range(4)),
        record(make.make_cutoff("other", period="2026-10"), make.RECEIVED_AT),
    )
    numbers = "SELECT run FROM billing_run WHERE period = :period ORDER BY run"
    assert await active.column(numbers, period="2026-11") == [1, 2, 3, 4]
    assert await active.column(numbers, period="2026-10") == [1]


async def test_a_cut_off_that_concerns_nobody_is_kept_and_ignored(store: Store) -> None:
    recorded = await store.events.record_event(make.make_cutoff(), make.RECEIVED_AT)
    assert (recorded.new, recorded.recipients, recorded.waiting) == (True, (), False)


async def test_a_cut_off_of_an_unknown_project_waits_until_the_project_is_linked(
    store: Store,
) -> None:
    cutoff = make.make_cutoff(project=make.PSA_PROJECT)
    assert (await store.events.record_event(cutoff, make.RECEIVED_AT)).waiting
    await store.hear_deal()
    await store.agree()
    await store.activate()
    repeated = await store.events.record_event(cutoff, make.RECEIVED_AT)
    assert (repeated.new, repeated.waiting, repeated.recipients) == (False, False, (PROCESS,))
    assert await store.column("SELECT run FROM billing_run") == [1]


async def test_an_event_and_the_link_it_needs_may_come_at_the_same_moment(store: Store) -> None:
    await store.hear_deal()
    await store.agree()
    plan = make.make_agreement().plan
    for number in range(12):
        project = ExternalRef(system=make.PSA, kind="workspace", id=str(number))
        await asyncio.gather(
            store.events.record_event(
                make.make_cutoff(f"c-{number}", project=project), make.RECEIVED_AT
            ),
            store.engagements.link("project", plan.id, project),
        )
    assert await store.column("SELECT count(*) FROM business_event WHERE state = 'waiting'") == [0]
    assert await store.column("SELECT count(*) FROM billing_run") == [12]


async def test_a_payment_of_an_unlinked_invoice_waits(store: Store) -> None:
    event = PaymentReceived(
        id="p-1",
        source=make.ERP,
        occurred_at=make.RECEIVED_AT,
        invoice=make.ERP_INVOICE,
        payment=ExternalRef(system=make.ERP, kind="account.move.line", id="9"),
    )
    assert (await store.events.record_event(event, make.RECEIVED_AT)).waiting
    await store.engagements.link("invoice", make.make_invoice().id, make.ERP_INVOICE)
    recorded = await store.events.record_event(event, make.RECEIVED_AT)
    assert recorded.recipients == (f"invoice/{make.make_invoice().id}",)


async def test_approved_time_is_stored_and_tells_nobody(store: Store) -> None:
    event = TimeApproved(
        id="ta-1",
        source=make.PSA,
        occurred_at=make.RECEIVED_AT,
        items=(make.make_time_entry(),),
    )
    recorded = await store.events.record_event(event, make.RECEIVED_AT)
    assert (recorded.recipients, recorded.waiting) == ((), False)
    assert (await store.balance(make.make_time_entry()))[0] == Decimal(8)


async def test_recalled_time_is_not_approved_whatever_its_item_says(store: Store) -> None:
    entry = make.make_time_entry()
    await store.work.store_items([entry])
    event = TimeRecalled(
        id="tr-1", source=make.PSA, occurred_at=make.RECEIVED_AT, items=(make.later(entry),)
    )
    await store.events.record_event(event, make.RECEIVED_AT)
    assert (await store.balance(entry))[0] == 0


async def test_a_source_declares_itself_complete_up_to_an_instant(store: Store) -> None:
    def declared(identity: str, day: int, count: int) -> SourceCompleted:
        return SourceCompleted(
            id=identity,
            source=make.EXPENSES,
            occurred_at=datetime(2026, 12, day, tzinfo=UTC),
            project=make.PSA_PROJECT,
            up_to=make.CUTOFF,
            totals=SourceTotals(kind="expense", count=count, quantity=Decimal(count)),
        )

    assert await store.work.declared_totals(make.PSA_PROJECT, "expense", make.CUTOFF) is None
    for event in (declared("s-2", 4, 5), declared("s-1", 3, 4)):  # the older one comes later
        await store.events.record_event(event, make.RECEIVED_AT)
    totals = await store.work.declared_totals(make.PSA_PROJECT, "expense", make.CUTOFF)
    assert totals is not None
    assert (totals.count, totals.as_of) == (5, make.CUTOFF)
    after = make.CUTOFF.replace(day=3)
    assert await store.work.declared_totals(make.PSA_PROJECT, "expense", after) is None


async def test_a_period_stays_locked_since_its_first_lock(store: Store) -> None:
    for identity, day in (("l-1", 5), ("l-2", 6)):
        event = PeriodLocked(
            id=identity,
            source=make.ERP,
            occurred_at=datetime(2026, 12, day, tzinfo=UTC),
            legal_entity=make.ENTITY,
            period=make.PERIOD,
        )
        await store.events.record_event(event, make.RECEIVED_AT)
    assert await store.column("SELECT extract(day FROM locked_at) FROM period_lock") == [5]


async def test_a_record_belongs_to_one_noun(store: Store) -> None:
    await store.engagements.link("project", "p-1", make.PSA_PROJECT)
    await store.engagements.link("project", "p-1", make.PSA_PROJECT)
    with pytest.raises(RecordExists, match="merge them"):
        await store.engagements.link("project", "p-2", make.PSA_PROJECT)
    assert await store.engagements.reference("p-1", make.PSA) == make.PSA_PROJECT
    assert await store.engagements.reference("p-1", make.ERP) is None


async def test_what_waits_too_long_for_a_link_is_one_case_per_record_until_it_is_linked(
    store: Store,
) -> None:
    await store.events.record_event(make.make_cutoff(project=make.PSA_PROJECT), make.RECEIVED_AT)
    await store.work.store_items([make.make_time_entry(), make.make_time_entry("t-2")])
    yesterday, tomorrow = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    assert await store.events.raise_unlinked(yesterday) == 0
    assert await store.events.raise_unlinked(tomorrow) == 1
    assert await store.events.raise_unlinked(tomorrow) == 0
    (message,) = await store.column("SELECT message FROM exception_case")
    assert str(message).startswith("1 events and 2 approved entries name kantata/workspace/5501")
    await store.hear_deal()
    await store.agree()
    await store.activate()
    assert await store.column("SELECT state FROM exception_case") == ["resolved"]
    assert await store.events.raise_unlinked(tomorrow) == 0
