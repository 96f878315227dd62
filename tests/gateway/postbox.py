"""A small vendor of our own, for what a real vendor's webhook would not do on demand.

Its body has one notification a line: an id, a blank, what it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from adapters.registry import Adapter, AdapterContext, Ports
from adapters.webhooks import (
    Acknowledgement,
    Delivery,
    DeliveryRefused,
    Notification,
    Webhook,
)
from canonical.errors import AnswerUnreadable
from canonical.events import DealClosed, Event
from canonical.ids import ExternalRef

BODY_BYTES_MAX = 1_000


class Postbox:
    """Says what its notifications say: `deal`, `foreign`, `nothing`, `garbled` or `bug`."""

    body_bytes_max = BODY_BYTES_MAX

    def open(self, delivery: Delivery) -> Sequence[Notification]:
        if delivery.headers.get("x-postbox") == "forged":
            raise DeliveryRefused(498, "the postmark is forged")
        lines = delivery.body.decode("ascii").splitlines()
        pairs = (line.partition(" ") for line in lines)
        return [Notification(identity, {"says": says}) for identity, _, says in pairs]

    def acknowledge(self) -> Acknowledgement:
        return Acknowledgement(200, "text/plain", b"stamped")

    def translate(self, notification: Notification, received_at: datetime) -> Sequence[Event]:
        match notification.payload["says"]:
            case "nothing":
                return ()
            case "garbled":
                raise AnswerUnreadable("postbox", "the writing is not legible", where="line 1")
            case "bug":
                raise KeyError("a secret that must not be logged")
            case deal_system:
                return (deal_closed(notification.id, deal_system),)


def deal_closed(identity: str, source: str) -> Event:
    return DealClosed(
        id=identity,
        source=source,
        occurred_at=datetime(2026, 9, 20, tzinfo=UTC),
        deal=ExternalRef(system=source, kind="deal", id=identity),
    )


def _build(context: AdapterContext) -> Ports:
    raise NotImplementedError("the postbox serves no port")


def _webhook(context: AdapterContext) -> Webhook:
    return Postbox()


ADAPTER = Adapter("postbox", frozenset(), _build, _webhook)
