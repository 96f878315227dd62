"""Won deals whose notification was lost are found by the sweep."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from activities.sources import DEALS_FEED, DealFeedActivities, Pull
from canonical.deal import WonDeal
from canonical.errors import SystemUnavailable
from canonical.ids import ExternalRef
from tests import builders as make
from tests.activities.conftest import Store, perform
from tests.activities.systems.crm import FakeCrm

PULL = Pull(system=make.CRM)


def won(number: int, revision: str = "r1") -> WonDeal:
    return WonDeal(
        reference=ExternalRef(system=make.CRM, kind="Opportunity", id=f"006{number:015d}"),
        revision=revision,
        changed_at=datetime(2026, 11, 3, tzinfo=UTC),
    )


@pytest.fixture
def feed(store: Store, crm: FakeCrm) -> DealFeedActivities:
    return DealFeedActivities(make.CRM, crm, store.work, store.events)


async def engagements(store: Store) -> list[object]:
    return await store.column("SELECT right(deal_id, 1) FROM engagement ORDER BY deal_id")


async def test_a_lost_notification_opens_its_engagement(
    feed: DealFeedActivities, store: Store, crm: FakeCrm
) -> None:
    crm.won = [([won(1), won(2)], "c1"), ([won(3)], "c2")]
    result = await perform(feed.pull_deals, PULL)
    assert (result.pages, result.new) == (2, 3)
    assert await engagements(store) == ["1", "2", "3"]
    assert await store.work.cursor(make.CRM, DEALS_FEED) == "c2"


async def test_a_deal_that_comes_again_is_no_news_and_a_changed_one_is(
    feed: DealFeedActivities, crm: FakeCrm
) -> None:
    crm.won = [([won(1)], "c1"), ([won(1), won(1, "r2")], "c2")]
    assert (await perform(feed.pull_deals, PULL)).new == 2


async def test_the_cursor_stands_after_the_last_page_that_was_recorded(
    feed: DealFeedActivities, store: Store, crm: FakeCrm
) -> None:
    crm.won = [([won(1)], "c1"), ([won(2)], "c2")]
    crm.breaks_after_pages = 1
    with pytest.raises(SystemUnavailable):
        await perform(feed.pull_deals, PULL)
    assert await store.work.cursor(make.CRM, DEALS_FEED) == "c1"
    crm.breaks_after_pages = None
    assert (await perform(feed.pull_deals, PULL)).new == 1
    assert await engagements(store) == ["1", "2"]
