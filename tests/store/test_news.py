"""News: taken once, by name; a lost answer, a retry or a reset of the workflow loses none."""

from __future__ import annotations

import asyncio

import pytest

from canonical.case import Case
from canonical.errors import Role
from canonical.ids import case_id
from store.nudges import Nudges
from tests import builders as make
from tests.store.conftest import Store

PROCESS = f"engagement/{make.ENGAGEMENT}"


async def hear(store: Store, *identities: str) -> None:
    for identity in identities:
        await store.events.record_event(make.make_deal_closed(identity), make.RECEIVED_AT)


async def take(store: Store, token: str) -> list[str]:
    """The external ids of the events taken."""
    news = await store.engagements.take_news(PROCESS, token)
    names = {
        str(event): str(name)
        for event, name in zip(
            await store.column("SELECT id FROM business_event ORDER BY id"),
            await store.column("SELECT external_id FROM business_event ORDER BY id"),
            strict=True,
        )
    }
    return [names[each.event] for each in news]


@pytest.fixture
def nudges(store: Store) -> Nudges:
    return Nudges(store.engine)


async def nudge_all(nudges: Nudges) -> int:
    pending = await nudges.pending(100)
    await nudges.done([nudge.id for nudge in pending])
    return len(pending)


async def test_each_event_is_taken_once_in_the_order_of_its_arrival(store: Store) -> None:
    await hear(store, "a", "b")
    assert await take(store, "1") == ["a", "b"]
    assert await take(store, "2") == []
    await hear(store, "c")
    assert await take(store, "3") == ["c"]


async def test_a_lost_answer_is_given_again_and_takes_nothing_more(store: Store) -> None:
    await hear(store, "a")
    assert await take(store, "1") == ["a"]
    await hear(store, "b")
    assert await take(store, "1") == ["a"]
    assert await take(store, "2") == ["b"]


async def test_a_process_without_events_has_no_news(store: Store) -> None:
    assert await take(store, "1") == []


async def test_two_takers_at_once_share_no_event(store: Store) -> None:
    await hear(store, *"abcdef")
    taken = await asyncio.gather(*(take(store, token) for token in "1234"))
    assert sorted(name for names in taken for name in names) == list("abcdef")


async def test_two_attempts_of_one_taking_at_once_get_the_same(store: Store) -> None:
    await hear(store, "a", "b")
    first, second = await asyncio.gather(take(store, "1"), take(store, "1"))
    assert first == second == ["a", "b"]


async def test_a_reset_workflow_is_nudged_until_it_has_caught_up(
    store: Store, nudges: Nudges
) -> None:
    await hear(store, "a")
    await take(store, "1")
    await hear(store, "b")
    await take(store, "2")
    await hear(store, "c")
    await take(store, "3")
    assert await nudge_all(nudges) == 0  # all applied before anybody had to be told

    assert await take(store, "2") == ["b"]  # reset to the moment after the first taking
    assert await nudge_all(nudges) == 1
    assert await take(store, "3") == ["c"]
    assert await nudge_all(nudges) == 0


async def test_a_reset_to_a_taking_that_was_empty_is_nudged_too(
    store: Store, nudges: Nudges
) -> None:
    await hear(store, "a")
    assert await take(store, "1") == ["a"]
    assert await take(store, "2") == []
    await hear(store, "b")
    assert await take(store, "3") == ["b"]
    assert await take(store, "2") == []
    assert await nudge_all(nudges) == 1


async def test_a_retry_of_the_newest_taking_nudges_nobody(store: Store, nudges: Nudges) -> None:
    await hear(store, "a")
    await take(store, "1")
    await take(store, "1")
    assert await nudge_all(nudges) == 0


async def test_a_cut_off_says_which_run_it_opened(active: Store) -> None:
    await take(active, "1")
    await active.events.record_event(make.make_cutoff(), make.RECEIVED_AT)
    (news,) = await active.engagements.take_news(PROCESS, "2")
    assert (news.type, news.period, news.run) == ("billing.cutoff", make.PERIOD, 1)
    assert news.cutoff == make.CUTOFF


async def test_the_subject_of_news_is_the_record_it_speaks_of(store: Store) -> None:
    await hear(store, "a")
    (news,) = await store.engagements.take_news(PROCESS, "1")
    assert news.subject == str(make.DEAL)


async def test_a_nudge_is_claimed_by_one_relay_for_a_while(store: Store, nudges: Nudges) -> None:
    await hear(store, "a", "b")
    claimed = await asyncio.gather(nudges.pending(1), nudges.pending(1))
    assert len({nudge.id for batch in claimed for nudge in batch}) == 2
    assert await nudges.pending(10) == []


async def test_a_claim_that_was_not_honoured_comes_back(store: Store, nudges: Nudges) -> None:
    await hear(store, "a")
    (first,) = await nudges.pending(1, claim_s=0)
    (second,) = await nudges.pending(1)
    assert (second.id, second.attempts) == (first.id, 2)
    assert (second.recipient, second.event_type) == (PROCESS, "deal.closed")


async def test_a_nudge_that_failed_is_offered_again_and_a_done_one_never(
    store: Store, nudges: Nudges
) -> None:
    await hear(store, "a", "b")
    first, second = await nudges.pending(2)
    await nudges.failed(first.id, retry_after_s=0)
    await nudges.done([second.id])
    assert [nudge.id for nudge in await nudges.pending(2)] == [first.id]


@pytest.mark.parametrize(("is_applied", "cases"), [(False, 1), (True, 0)])
async def test_news_that_nobody_can_be_told_is_a_case_unless_it_was_taken(
    store: Store, nudges: Nudges, is_applied: bool, cases: int
) -> None:
    await hear(store, "a")
    (nudge,) = await nudges.pending(1)
    if is_applied:
        await take(store, "1")
    case = Case(
        id=case_id(PROCESS, "Undeliverable", nudge.event_id),
        process=PROCESS,
        cause="Undeliverable",
        subject="a",
        owner=Role.INTEGRATION_SUPPORT,
        message="the workflow has ended",
        next_step="Look at the event.",
    )
    await nudges.undeliverable(nudge.id, case)
    assert await store.column("SELECT count(*) FROM exception_case") == [cases]
    assert await nudges.pending(1) == []
