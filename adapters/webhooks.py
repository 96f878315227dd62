"""How a vendor's webhook is told to the gateway: authenticity, notifications, acknowledgement,
events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from canonical.events import Event


class DeliveryRefused(Exception):
    """A delivery that is not accepted. The reason is for our log; the sender learns the status
    only."""

    def __init__(self, status: int, reason: str) -> None:
        self.status, self.reason = status, reason
        super().__init__(reason)


@dataclass(frozen=True)
class Delivery:
    """One HTTP request of a vendor, raw."""

    path_secret: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    body: bytes = field(repr=False)
    received_at: datetime


@dataclass(frozen=True)
class Notification:
    """One notification of a delivery: the source's id for it, and what translates it later."""

    id: str
    payload: dict[str, str]


@dataclass(frozen=True)
class Acknowledgement:
    """What the vendor expects to hear after everything is stored."""

    status: int
    media_type: str
    body: bytes


class Webhook(Protocol):
    """A vendor's webhook. `open` authenticates over the raw bytes before it parses anything."""

    body_bytes_max: int

    def open(self, delivery: Delivery) -> Sequence[Notification]:
        """The notifications of an authentic delivery. Raises DeliveryRefused."""
        ...

    def acknowledge(self) -> Acknowledgement: ...

    def translate(self, notification: Notification, received_at: datetime) -> Sequence[Event]:
        """Canonical events; none when it says nothing to us. Raises DomainError when it cannot be
        read."""
        ...
