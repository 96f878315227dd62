"""The simulator's outbound messages, received by the adapter's own webhook."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import httpx
import pytest

from adapters.platforms.salesforce.decimals import Json
from adapters.platforms.salesforce.simulator.sessions import ClientApp
from adapters.salesforce.simulator import Simulator, SimulatorConfig
from adapters.salesforce.simulator.outbound import Target
from adapters.salesforce.webhooks import OutboundMessages
from adapters.webhooks import Delivery
from tests.adapters.salesforce.bench import make_status
from tests.adapters.salesforce.organisation import (
    CONSUMER_KEY,
    INSTANCE_URL,
    ORGANISATION,
    USERNAME,
    key_pair,
    make_deal,
)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 31, 16, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Receiver:
    """A gateway that stores what it opens; `down` makes it fail that many times."""

    def __init__(self) -> None:
        self.envelopes: list[list[str]] = []
        self.deals: list[str] = []
        self.down = 0
        self.answer = b""
        self.received = asyncio.Event()
        self._webhook = OutboundMessages("crm", ORGANISATION)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.down > 0:
            self.down -= 1
            return httpx.Response(200, content=self.answer)
        received = datetime(2026, 3, 31, tzinfo=UTC)
        found = self._webhook.open(Delivery("", {}, request.content, received))
        self.envelopes.append([each.id for each in found])
        events = [each for one in found for each in self._webhook.translate(one, received)]
        self.deals += [str(getattr(event, "deal", "")) for event in events]
        self.received.set()
        return httpx.Response(200, content=self._webhook.acknowledge().body)


class Scene(NamedTuple):
    simulator: Simulator
    receiver: Receiver
    clock: Clock


@pytest.fixture
def scene() -> Scene:
    receiver, clock = Receiver(), Clock()
    app = ClientApp(
        consumer_key=CONSUMER_KEY, username=USERNAME, certificate_pem=key_pair().public_pem
    )
    target = Target("http://127.0.0.1:9/hooks", transport=httpx.MockTransport(receiver))
    config = SimulatorConfig(app=app, instance_url=INSTANCE_URL, outbound=target, clock=clock)
    return Scene(Simulator(config), receiver, clock)


def won(simulator: Simulator) -> str:
    deal = simulator.seed(make_deal()).opportunity
    simulator.win(deal)
    return deal


async def test_winning_a_deal_sends_one_message_that_the_gateway_accepts(scene: Scene) -> None:
    deal = won(scene.simulator)
    assert await scene.simulator.outbox.deliver_due() == 1
    assert scene.receiver.deals == [f"crm/opportunity/{deal}"]
    assert scene.simulator.outbox.pending == []


@pytest.mark.parametrize("answer", [b"", b"<Ack>true</Ack>", b"OK"])
async def test_a_message_is_repeated_until_a_valid_acknowledgement(
    scene: Scene, answer: bytes
) -> None:
    won(scene.simulator)
    scene.receiver.down, scene.receiver.answer = 2, answer
    outbox = scene.simulator.outbox
    assert await outbox.deliver_due() == 0
    assert await outbox.deliver_due() == 0, "not due yet"
    assert scene.receiver.down == 1
    scene.clock.now += timedelta(seconds=15)
    await outbox.deliver_due()
    scene.clock.now += timedelta(seconds=30)
    assert await outbox.deliver_due() == 1


async def test_a_message_is_dropped_after_a_day(scene: Scene) -> None:
    won(scene.simulator)
    scene.clock.now += timedelta(hours=24)
    assert await scene.simulator.outbox.deliver_due() == 0
    assert scene.simulator.outbox.pending == []


async def test_at_most_a_hundred_notifications_share_an_envelope(scene: Scene) -> None:
    deal = won(scene.simulator)
    for _ in range(100):
        scene.simulator.outbox.enqueue(deal)
    await scene.simulator.outbox.deliver_due()
    assert [len(each) for each in scene.receiver.envelopes] == [100, 1]


async def test_messages_can_be_doubled_reversed_and_lost(scene: Scene) -> None:
    outbox = scene.simulator.outbox
    outbox.duplicate_next = True
    first = won(scene.simulator)
    second = won(scene.simulator)
    outbox.lose_next = True
    won(scene.simulator)
    outbox.reverse = True
    await outbox.deliver_due()
    await outbox.deliver_due()
    assert [ref.rpartition("/")[2] for ref in scene.receiver.deals] == [second, first, first]


async def test_a_retry_carries_the_row_as_it_is_and_nothing_of_a_deleted_one(
    scene: Scene,
) -> None:
    deal = won(scene.simulator)
    (message,) = scene.simulator.outbox.pending
    scene.simulator.set_stage(deal, "Negotiation/Review")
    assert b"<sf:IsWon>false</sf:IsWon>" in scene.simulator.outbox.envelope([message])
    scene.simulator.organisation.delete("Opportunity", deal)
    assert b"sf:Id" not in scene.simulator.outbox.envelope([message])


async def test_our_own_status_sends_no_message_and_an_edit_of_a_line_does(scene: Scene) -> None:
    seeded = scene.simulator.seed(make_deal())
    scene.simulator.win(seeded.opportunity)
    scene.simulator.outbox.pending.clear()
    status: dict[str, Json] = {
        "Billing_Status__c": "Invoiced",
        "Billing_Sync_Version__c": make_status().version,
    }
    scene.simulator.organisation.update("Opportunity", seeded.opportunity, status)
    assert scene.simulator.outbox.pending == []
    line: dict[str, Json] = {"UnitPrice": 160}
    scene.simulator.organisation.update("OpportunityLineItem", seeded.lines[0], line)
    assert len(scene.simulator.outbox.pending) == 1


async def test_the_sender_runs_by_itself(scene: Scene) -> None:
    sender = asyncio.create_task(scene.simulator.outbox.run())
    won(scene.simulator)
    await asyncio.wait_for(scene.receiver.received.wait(), timeout=10)
    sender.cancel()
    assert len(scene.receiver.deals) == 1
