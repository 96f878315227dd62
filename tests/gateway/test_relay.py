"""The relay from inbox rows to business events, over a real database."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from structlog.testing import capture_logs

from canonical.errors import SystemUnavailable
from canonical.events import EVENT, Event
from canonical.records import EventRecorded
from gateway.hooks import VendorHooks
from gateway.intake import signed_payload
from gateway.loops import Backoff
from gateway.metrics import GatewayMetrics
from gateway.relay import ATTEMPTS_MAX, InboxRelay, Translator
from store.engine import create_engine
from store.events import EventStore
from store.inbox import Inbox, InboxRow
from tests.gateway.builders import (
    NOW,
    SECRETS,
    make_deal_closed,
    make_event,
    make_landscape,
    make_time_entry,
)
from tests.gateway.conftest import ADAPTERS, Rows

AT_ONCE = Backoff(first_s=0, most_s=0)


def make_relay(engine: AsyncEngine, events: EventStore | None = None, **options: Any) -> InboxRelay:
    landscape = make_landscape()
    return InboxRelay(
        Inbox(engine),
        events or EventStore(engine),
        Translator(landscape, VendorHooks(landscape, SECRETS, ADAPTERS)),
        GatewayMetrics(CollectorRegistry()),
        **{"backoff": AT_ONCE, **options},
    )


async def store_events(engine: AsyncEngine, *events: dict[str, Any]) -> None:
    for event in events:
        row = (f"{event['id']}#0", signed_payload(EVENT.validate_python(event)))
        await Inbox(engine).store(event["source"], [row], NOW)


async def store_says(engine: AsyncEngine, *says: str) -> None:
    """Notifications of the postbox."""
    notifications = [(f"n-{number}", {"says": what}) for number, what in enumerate(says)]
    await Inbox(engine).store("postbox", notifications, NOW)


async def drain(relay: InboxRelay) -> int:
    handled = 0
    while amount := await relay.step():
        handled += amount
    return handled


async def test_a_deal_becomes_a_business_event_with_a_delivery(
    engine: AsyncEngine, rows: Rows
) -> None:
    await store_events(engine, make_deal_closed(1))
    assert await drain(make_relay(engine)) == 1
    assert await rows.all("SELECT state FROM inbox") == [("done",)]
    assert await rows.all("SELECT type, state FROM business_event") == [
        ("deal.closed", "delivered")
    ]
    assert await rows.all("SELECT recipient FROM event_delivery") == [("engagement/crm-one/006-1",)]


async def test_items_are_stored_exactly_and_send_no_delivery(
    engine: AsyncEngine, rows: Rows
) -> None:
    await store_events(engine, make_event(1))
    await drain(make_relay(engine))
    assert await rows.all("SELECT external_id, cost::text FROM work_item") == [("X-1", "119.50")]
    assert await rows.all("SELECT * FROM event_delivery") == []


async def test_an_approval_and_its_recall_in_one_batch_end_as_recalled(
    engine: AsyncEngine, rows: Rows
) -> None:
    approved = make_time_entry(1)
    recalled = make_time_entry(1, approved=False, version="2026-09-20T11:00:00Z")
    of_times = {"source": "timesheets"}
    await store_events(
        engine,
        make_event(1, type="time.approved", items=[approved], **of_times),
        make_event(2, type="time.recalled", items=[recalled], **of_times),
    )
    assert await drain(make_relay(engine)) == 2
    assert await rows.all("SELECT approved FROM work_item") == [(False,)]
    assert await rows.all("SELECT DISTINCT state FROM inbox") == [("done",)]


async def test_the_same_event_under_two_notifications_is_one_event(
    engine: AsyncEngine, rows: Rows
) -> None:
    payload = signed_payload(EVENT.validate_python(make_deal_closed(1)))
    await Inbox(engine).store("crm-one", [("a#0", payload), ("b#0", payload)], NOW)
    await drain(make_relay(engine))
    assert await rows.all("SELECT count(*) FROM business_event") == [(1,)]
    assert await rows.all("SELECT count(*) FROM event_delivery") == [(1,)]


async def test_a_notification_that_says_nothing_to_us_is_done(
    engine: AsyncEngine, rows: Rows
) -> None:
    await store_says(engine, "nothing")
    await drain(make_relay(engine))
    assert await rows.all("SELECT state FROM inbox") == [("done",)]


DEAD = [
    pytest.param("garbled", "AnswerUnreadable", "not legible at line 1", id="untranslatable"),
    pytest.param("bug", "KeyError", "KeyError", id="error in an adapter"),
    pytest.param("crm-one", "ChangeNotAllowed", "belongs to the crm-one", id="another's event"),
]


@pytest.mark.parametrize(("says", "cause", "reason"), DEAD)
async def test_a_row_that_cannot_be_used_is_a_dead_letter_with_a_case(
    engine: AsyncEngine, rows: Rows, says: str, cause: str, reason: str
) -> None:
    await store_says(engine, says, "nothing")
    assert await drain(make_relay(engine)) == 2
    states = await rows.all("SELECT state, reason FROM inbox ORDER BY id")
    assert [state for state, _ in states] == ["dead", "done"]
    assert reason in str(states[0][1])
    (case,) = await rows.all("SELECT cause, owner, message FROM exception_case")
    assert case[:2] == (cause, "integration_support")
    assert "a secret that must not be logged" not in str([*states, case])


async def test_a_thousand_equal_dead_letters_are_one_case(engine: AsyncEngine, rows: Rows) -> None:
    await store_says(engine, *["garbled"] * 1_000)
    assert await drain(make_relay(engine, rows_per_step=500)) == 1_000
    assert await rows.all("SELECT count(*) FROM inbox WHERE state = 'dead'") == [(1_000,)]
    assert await rows.all("SELECT occurrences FROM exception_case") == [(1_000,)]


async def test_a_source_that_left_the_landscape_is_a_dead_letter_too(
    engine: AsyncEngine, rows: Rows
) -> None:
    await Inbox(engine).store("gone", [("n-1", {"says": "nothing"})], NOW)
    await drain(make_relay(engine))
    ((state, reason),) = await rows.all("SELECT state, reason FROM inbox")
    assert (state, "no system 'gone' with a webhook" in str(reason)) == ("dead", True)


async def test_a_dead_letter_is_replayed_after_the_fix(engine: AsyncEngine, rows: Rows) -> None:
    await store_says(engine, "garbled")
    await drain(make_relay(engine))
    await rows.change("""UPDATE inbox SET payload = '{"says": "nothing"}'""")
    assert await Inbox(engine).replay(source="postbox") == 1
    assert await drain(make_relay(engine)) == 1
    assert await rows.all("SELECT state FROM inbox") == [("done",)]


class Unlucky(EventStore):
    """Records, and fails the first times as a database does that asks for another attempt."""

    def __init__(self, engine: AsyncEngine, failures: int) -> None:
        super().__init__(engine)
        self.failures = failures

    async def record(
        self, connection: AsyncConnection, event: Event, received_at: Any
    ) -> EventRecorded:
        recorded = await super().record(connection, event, received_at)
        if self.failures:
            self.failures -= 1
            await connection.exec_driver_sql("SELECT 1/(SELECT 0) FROM no_such_table")
        return recorded


async def test_a_failure_that_may_pass_is_tried_again_and_leaves_nothing_behind(
    engine: AsyncEngine, rows: Rows
) -> None:
    await store_events(engine, make_deal_closed(1))
    assert await drain(make_relay(engine, Unlucky(engine, failures=3))) == 4
    assert await rows.all("SELECT state, attempts FROM inbox") == [("done", 3)]
    assert await rows.all("SELECT count(*) FROM event_delivery") == [(1,)]


async def test_a_failure_that_never_passes_ends_as_a_dead_letter(
    engine: AsyncEngine, rows: Rows
) -> None:
    await store_events(engine, make_deal_closed(1))
    assert await drain(make_relay(engine, Unlucky(engine, failures=99))) == ATTEMPTS_MAX
    assert await rows.all("SELECT state FROM inbox") == [("dead",)]
    assert await rows.all("SELECT count(*) FROM business_event") == [(0,)]


async def test_a_relay_that_dies_before_its_commit_has_done_nothing(
    engine: AsyncEngine, rows: Rows
) -> None:
    await store_events(engine, make_deal_closed(1), make_event(2))
    doomed = create_engine(engine.url.render_as_string(hide_password=False), pool_size=1)

    @sqlalchemy_event.listens_for(doomed.sync_engine, "commit")
    def die(_connection: object) -> None:
        raise ConnectionResetError("killed")

    with pytest.raises((SystemUnavailable, ConnectionResetError)):
        await make_relay(doomed).step()
    await doomed.dispose()
    assert await rows.all("SELECT count(*) FROM business_event") == [(0,)]
    assert await drain(make_relay(engine)) == 2
    assert await rows.all("SELECT count(*) FROM business_event") == [(2,)]


class Counting(Translator):
    """Counts how often each row was translated, over all relays that share it."""

    def __init__(self) -> None:
        landscape = make_landscape()
        super().__init__(landscape, VendorHooks(landscape, SECRETS, ADAPTERS))
        self.times: Counter[int] = Counter()

    def events(self, row: InboxRow) -> Sequence[Event]:
        self.times[row.id] += 1
        return super().events(row)


async def test_two_relays_that_race_on_a_thousand_rows_handle_each_exactly_once(
    engine: AsyncEngine, rows: Rows
) -> None:
    payloads = [
        (f"{n}#0", signed_payload(EVENT.validate_python(make_deal_closed(n)))) for n in range(1_000)
    ]
    await Inbox(engine).store("crm-one", payloads, NOW)
    translator = Counting()
    metrics = GatewayMetrics(CollectorRegistry())
    relays = [InboxRelay(Inbox(engine), EventStore(engine), translator, metrics) for _ in range(2)]
    handled = await asyncio.gather(*(drain(relay) for relay in relays))
    assert sum(handled) == 1_000
    assert min(handled) > 0
    assert set(translator.times.values()) == {1}
    assert await rows.all("SELECT count(*) FROM event_delivery") == [(1_000,)]


async def test_an_error_that_nobody_foresaw_is_logged_with_its_trace(engine: AsyncEngine) -> None:
    await store_says(engine, "bug")
    with capture_logs() as logs:
        await drain(make_relay(engine))
    (entry,) = [entry for entry in logs if entry["event"] == "relay.dead_letter"]
    assert (entry["error"], entry["source"]) == ("KeyError", "postbox")
    assert isinstance(entry["exc_info"], KeyError)
