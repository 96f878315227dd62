"""A source that pushes: what it declares is compared with what we hold."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from activities.sources import Completeness, ProveComplete, ProvePushed, PushedSourceActivities
from canonical.errors import SourceIncomplete
from canonical.events import SourceCompleted
from canonical.ids import ExternalRef
from canonical.work import Expense, SourceTotals
from store.work import WorkStore
from tests import builders as make
from tests.activities.conftest import Store, perform

PROOF = ProveComplete(engagement_id=make.ENGAGEMENT, period=make.PERIOD, cutoff=make.CUTOFF)
PROJECT = ExternalRef(system=make.EXPENSES, kind="project", id=make.make_agreement().plan.code)


def spent(name: str = "e-1", **changes: object) -> Expense:
    return make.make_expense(name, project=PROJECT, **changes)


def declared(
    count: int, cost: str, *, up_to: datetime = make.CUTOFF, identity: str = "done-1"
) -> SourceCompleted:
    totals = SourceTotals(kind="expense", count=count, quantity=Decimal(count), cost=Decimal(cost))
    return SourceCompleted(
        id=identity,
        source=make.EXPENSES,
        occurred_at=make.RECEIVED_AT,
        project=PROJECT,
        up_to=up_to,
        totals=totals,
    )


async def prove(store: Store, work: WorkStore | None = None) -> Completeness:
    pushed = PushedSourceActivities(work or store.work, store.engagements)
    return await perform(pushed.prove_pushed, ProvePushed(system=make.EXPENSES, proof=PROOF))


async def declare(store: Store, event: SourceCompleted) -> None:
    await store.events.record_event(event, make.RECEIVED_AT)


async def test_a_source_that_declared_nothing_is_incomplete(active: Store) -> None:
    await active.work.store_items([spent()])
    with pytest.raises(SourceIncomplete, match=f"has not declared project {PROJECT.id} complete"):
        await prove(active)


async def test_what_is_declared_and_what_we_hold_agree(active: Store) -> None:
    await active.work.store_items([spent("e-1"), spent("e-2", cost=make.euro("10.10"))])
    await declare(active, declared(2, "100.00"))
    proof = await prove(active)
    assert proof.expense is not None
    assert (proof.expense.count, proof.expense.cost) == (2, Decimal(100))


async def test_a_source_may_declare_that_there_is_nothing(active: Store) -> None:
    await declare(active, declared(0, "0"))
    assert (await prove(active)).time is None


async def test_what_was_lost_on_the_way_is_told_with_both_figures(active: Store) -> None:
    await active.work.store_items([spent()])
    await declare(active, declared(2, "100.00"))
    with pytest.raises(SourceIncomplete) as incomplete:
        await prove(active)
    assert "2 items, quantity 2, cost 100.00 there" in str(incomplete.value)
    assert "1 items, quantity 1, cost 89.90 here" in str(incomplete.value)


async def test_a_declaration_of_an_earlier_instant_proves_nothing(active: Store) -> None:
    await declare(active, declared(0, "0", up_to=make.CUTOFF - timedelta(seconds=1)))
    with pytest.raises(SourceIncomplete, match="has not declared"):
        await prove(active)


async def test_a_declaration_of_a_later_instant_is_compared_as_of_then(active: Store) -> None:
    after = make.CUTOFF + timedelta(days=1)
    late = spent("e-2", approved_at=make.CUTOFF + timedelta(hours=1), cost=make.euro("10.10"))
    await active.work.store_items([spent("e-1"), late])
    await declare(active, declared(2, "100.00", up_to=after))
    assert (await prove(active)).expense is not None


async def test_expenses_of_the_next_month_that_are_approved_already_do_not_disturb(
    active: Store,
) -> None:
    december = spent("e-2", work_date=date(2026, 12, 1), cost=make.euro("10.10"))
    assert december.approved_at is not None
    assert december.approved_at < make.CUTOFF
    await active.work.store_items([spent("e-1"), december])
    await declare(active, declared(2, "100.00"))
    assert (await prove(active)).expense is not None


class Slow(WorkStore):
    """The declaration is still in the inbox when it is asked for the first time."""

    def __init__(self, store: Store, event: SourceCompleted) -> None:
        super().__init__(store.engine)
        self._store, self._event = store, event

    async def declared_totals(
        self, project: ExternalRef, kind: object, cutoff: datetime
    ) -> SourceTotals | None:
        totals = await super().declared_totals(project, "expense", cutoff)
        await declare(self._store, self._event)
        return totals


async def test_a_declaration_that_is_on_its_way_is_waited_for(active: Store) -> None:
    await active.work.store_items([spent()])
    proof = await prove(active, Slow(active, declared(1, "89.90")))
    assert proof.expense is not None
    assert proof.expense.as_of == datetime(2026, 12, 2, 12, tzinfo=UTC)
