"""The generic intake: signed canonical events of any source that the landscape knows."""

from __future__ import annotations

import secrets as randomness
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from pydantic import SecretStr
from starlette.datastructures import Headers

from adapters.webhooks import Notification
from canonical.errors import ChangeNotAllowed
from canonical.events import EVENT, Event
from canonical.landscape import Landscape
from gateway.authority import require_authority
from gateway.events import read_events
from gateway.problems import EventProblem, EventsNotAllowed
from gateway.signatures import Proven, Verifier
from runtime.landscape import Secrets

SIGNING_SECRET: Final = "signing"
"""A system's secrets whose names begin so are its signing secrets; all of them are active."""
SIGNED_EVENT: Final = "canonical_event"
"""Marks an inbox row's payload as an event in our own words."""


class SignedIntake:
    """Verifies, reads and judges deliveries; it stores nothing."""

    def __init__(self, landscape: Landscape, secrets: Secrets) -> None:
        """Raises SetupInvalid for a signing secret that is none."""
        self._landscape = landscape
        self._verifiers = {
            system.name: Verifier(system.name, signing)
            for system in landscape.systems
            if (signing := _signing_secrets(secrets.get(system.name, {})))
        }
        # An unknown source takes the way of a known one whose signature is wrong.
        self._nobody = Verifier("nobody", {"none": SecretStr(randomness.token_hex(24))})

    def verify(self, source: str, headers: Headers, body: bytes, now: datetime) -> Proven:
        """Raises SignatureRefused, also for a source that nobody knows."""
        return self._verifiers.get(source, self._nobody).verify(headers, body, now)

    def open(self, source: str, body: bytes) -> tuple[Event, ...]:
        """The events of a proven delivery, all of which the source may assert.

        Raises EventsRefused.
        """
        events = read_events(body, self._landscape)
        problems = [
            problem
            for index, event in enumerate(events)
            if (problem := self._not_allowed(source, index, event))
        ]
        if problems:
            raise EventsNotAllowed(problems)
        return events

    def _not_allowed(self, source: str, index: int, event: Event) -> EventProblem | None:
        try:
            require_authority(self._landscape, source, event)
        except ChangeNotAllowed as refused:
            remedy = "Let the owner send it, or give the source that role in the landscape."
            return EventProblem(event=index, field="", reason=str(refused), remedy=remedy)
        return None


def notifications_of(delivery: Proven, events: Sequence[Event]) -> list[Notification]:
    """One per event; equal on every repetition of the delivery."""
    return [
        Notification(f"{delivery.webhook_id}#{index}", signed_payload(event))
        for index, event in enumerate(events)
    ]


def signed_payload(event: Event) -> dict[str, str]:
    return {SIGNED_EVENT: EVENT.dump_json(event).decode()}


def signed_event(payload: Mapping[str, str]) -> Event | None:
    """The event in an inbox row of this intake; None for a vendor's notification."""
    text = payload.get(SIGNED_EVENT)
    return None if text is None else EVENT.validate_json(text)


def _signing_secrets(secrets: Mapping[str, SecretStr]) -> dict[str, SecretStr]:
    return {name: value for name, value in secrets.items() if name.startswith(SIGNING_SECRET)}
