"""Notifications are kept once, handled once, and never lost by a crash or a bad row."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.case import Case
from canonical.errors import Role
from canonical.ids import case_id
from store.inbox import Claimed, Inbox, InboxRow
from tests import builders as make


@pytest.fixture
def inbox(engine: AsyncEngine) -> Inbox:
    return Inbox(engine)


async def keep(inbox: Inbox, *identities: str) -> int:
    notifications = [(identity, {"deal": identity}) for identity in identities]
    return await inbox.store(make.CRM, notifications, make.RECEIVED_AT)


async def rows_claimed(inbox: Inbox) -> list[str]:
    async with inbox.claim(10) as claimed:
        return [row.notification_id for row in claimed.rows]


def unreadable(row: InboxRow) -> Case:
    return Case(
        id=case_id("relay", "Unreadable", row.notification_id),
        process="relay",
        cause="Unreadable",
        subject=row.notification_id,
        owner=Role.INTEGRATION_SUPPORT,
        message="it cannot be translated",
        next_step="Mend the translation, then replay it.",
    )


async def test_a_notification_that_is_sent_twice_is_kept_once(inbox: Inbox) -> None:
    assert await keep(inbox, "n-1", "n-2") == 2
    assert await keep(inbox, "n-2", "n-3") == 1
    assert await rows_claimed(inbox) == ["n-1", "n-2", "n-3"]


async def test_a_payload_comes_back_as_it_was_sent(inbox: Inbox) -> None:
    payload = {"body": "<xml>ü\x00</xml>", "empty": ""}
    await inbox.store(make.CRM, [("n-1", payload)], make.RECEIVED_AT)
    async with inbox.claim(1) as claimed:
        assert claimed.rows[0].payload == payload
        assert claimed.rows[0].received_at == make.RECEIVED_AT


async def test_two_relays_never_hold_the_same_row(inbox: Inbox) -> None:
    await keep(inbox, "n-1", "n-2")
    async with inbox.claim(1) as first, inbox.claim(10) as second:
        assert [row.notification_id for row in first.rows] == ["n-1"]
        assert [row.notification_id for row in second.rows] == ["n-2"]


async def test_a_row_that_is_done_is_not_offered_again(inbox: Inbox) -> None:
    await keep(inbox, "n-1", "n-2")
    async with inbox.claim(1) as claimed:
        await claimed.done(claimed.rows[0])
    assert await rows_claimed(inbox) == ["n-2"]


async def test_a_crash_between_work_and_commit_loses_nothing(inbox: Inbox) -> None:
    await keep(inbox, "n-1")
    with pytest.raises(RuntimeError, match="killed"):
        await crash_after_done(inbox)
    assert await rows_claimed(inbox) == ["n-1"]


async def crash_after_done(inbox: Inbox) -> None:
    async with inbox.claim(1) as claimed:
        await claimed.done(claimed.rows[0])
        raise RuntimeError("killed")


async def test_an_error_in_one_row_undoes_that_row_alone(inbox: Inbox, engine: AsyncEngine) -> None:
    await keep(inbox, "n-1", "n-2")
    async with inbox.claim(2) as claimed:
        await handle(claimed, claimed.rows[0], "SELECT 1")
        with pytest.raises(ValueError, match="broken"):
            await handle(claimed, claimed.rows[1], "broken")
        await claimed.dead(claimed.rows[1], "it is broken\x00", unreadable(claimed.rows[1]))
    async with engine.connect() as connection:
        states = await connection.scalars(text("SELECT state FROM inbox ORDER BY id"))
        assert list(states) == ["done", "dead"]


async def handle(claimed: Claimed, row: InboxRow, what: str) -> None:
    async with claimed.attempt(row):
        await claimed.done(row)
        if what == "broken":
            raise ValueError(what)


async def test_a_dead_letter_opens_its_case_and_can_be_replayed(
    inbox: Inbox, engine: AsyncEngine
) -> None:
    await keep(inbox, "n-1", "n-2")
    async with inbox.claim(2) as claimed:
        for row in claimed.rows:
            await claimed.dead(row, "unreadable", unreadable(row))
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM exception_case")) == 2
    assert await rows_claimed(inbox) == []
    assert await inbox.replay([claimed.rows[0].id]) == 1
    assert await rows_claimed(inbox) == ["n-1"]
    assert await inbox.replay(source=make.CRM) == 1
    assert await inbox.replay(source=make.CRM) == 0


async def test_a_replay_of_everything_must_be_asked_for_in_words(inbox: Inbox) -> None:
    with pytest.raises(ValueError, match="say what to replay"):
        await inbox.replay()


async def test_a_row_that_failed_for_a_while_is_offered_later(inbox: Inbox) -> None:
    await keep(inbox, "n-1", "n-2")
    async with inbox.claim(2) as claimed:
        await claimed.failed(claimed.rows[0], "the CRM is down", retry_after_s=3_600)
        await claimed.failed(claimed.rows[1], "the CRM is down", retry_after_s=0)
    async with inbox.claim(2) as claimed:
        assert [(row.notification_id, row.attempts) for row in claimed.rows] == [("n-2", 1)]


async def test_a_relay_is_woken_by_a_new_notification(inbox: Inbox) -> None:
    async with aclosing(inbox.listen(poll_interval_s=60)) as wakes, asyncio.timeout(20):
        await anext(wakes)  # at once: there may be rows from before
        await keep(inbox, "n-1")
        await anext(wakes)


async def test_a_relay_whose_connection_is_cut_listens_again(
    inbox: Inbox, engine: AsyncEngine
) -> None:
    async with aclosing(inbox.listen(poll_interval_s=60)) as wakes, asyncio.timeout(20):
        await anext(wakes)
        async with engine.begin() as connection:
            await connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE query LIKE 'LISTEN%' AND datname = current_database()"
                )
            )
        await anext(wakes)  # woken by the loss, and connected again
        await keep(inbox, "n-1")
        await anext(wakes)
