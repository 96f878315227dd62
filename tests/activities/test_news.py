"""News, cases and orders, as every long-lived workflow asks for them."""

from __future__ import annotations

import pytest

from activities.news import NewsActivities, OrderNote, Resolution, TakeNews
from canonical.case import Case
from canonical.errors import Role
from canonical.ids import case_id
from tests import builders as make
from tests.activities.conftest import Store, perform

PROCESS = f"engagement/{make.ENGAGEMENT}"


@pytest.fixture
def news(store: Store) -> NewsActivities:
    return NewsActivities(store.engagements, store.cases)


async def take(news: NewsActivities, token: str) -> list[str]:
    taken = await perform(news.take_news, TakeNews(process=PROCESS, token=token))
    return [each.type for each in taken]


async def hear_again(store: Store, identity: str) -> None:
    await store.events.record_event(make.make_deal_closed(identity), make.RECEIVED_AT)


async def test_a_taking_that_is_repeated_gives_the_same_news_and_no_more(
    news: NewsActivities, store: Store
) -> None:
    await hear_again(store, "n-1")
    assert await take(news, "first") == ["deal.closed"]
    await hear_again(store, "n-2")
    assert await take(news, "first") == ["deal.closed"]
    assert await take(news, "second") == ["deal.closed"]
    assert await take(news, "third") == []


async def test_a_process_without_news_has_none(news: NewsActivities) -> None:
    assert await take(news, "first") == []


async def test_a_case_is_resolved_with_its_reason(news: NewsActivities, store: Store) -> None:
    case = case_id(PROCESS, "RateMissing", "line time")
    await store.cases.open_case(
        Case(
            id=case,
            process=PROCESS,
            cause="RateMissing",
            subject="line time",
            owner=Role.FINANCE,
            message="no rate",
            next_step="Add it.",
        )
    )
    for _ in range(2):
        await perform(news.resolve_case, Resolution(case=case, resolution="retried by Ada"))
    assert await store.column("SELECT resolution FROM exception_case") == ["retried by Ada"]


async def test_orders_are_kept_in_the_trail_the_refused_ones_too(
    news: NewsActivities, store: Store
) -> None:
    held = OrderNote(process=PROCESS, order="hold", actor="Ada", detail="credit", accepted=True)
    refused = held.model_copy(update={"order": "close", "accepted": False, "detail": "not JSON"})
    await perform(news.note_orders, (held, refused))
    actions = await store.column("SELECT action FROM audit_event ORDER BY id")
    assert actions == ["order.hold", "order.close.refused"]
    reasons = await store.column("SELECT detail ->> 'detail' FROM audit_event ORDER BY id")
    assert reasons == ["credit", "not JSON"]
