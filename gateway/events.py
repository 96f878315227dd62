"""Reads canonical events from a proven sender's JSON, and says exactly what does not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from canonical.events import EVENT, Event
from canonical.landscape import Landscape
from gateway.contradictions import contradictions
from gateway.problems import EventProblem, EventsInvalid
from gateway.strict_json import JsonInvalid, parse

EVENTS_PER_DELIVERY_MAX: Final = 100
_REMEDIES: Final = {
    "missing": "Add the field.",
    "extra_forbidden": "Remove the field, or correct its name.",
    "union_tag_invalid": "Use one of the event types named.",
    "union_tag_not_found": "Add the event's type, such as time.approved.",
    "greater_than_equal": "Send the corrected figure; to take an item back, send its recall.",
    "timezone_aware": "Add the offset from UTC, such as Z.",
}


def read_events(body: bytes, landscape: Landscape) -> tuple[Event, ...]:
    """One event or an array of them. Raises EventsInvalid with every problem of every event."""
    raw_events = _as_list(_document(body))
    events: list[Event] = []
    problems: list[EventProblem] = []
    for index, raw in enumerate(raw_events):
        try:
            events.append(EVENT.validate_python(raw))
        except ValidationError as invalid:
            problems += [_problem(index, error) for error in _causes(invalid)]
        else:
            problems += contradictions(index, events[-1], landscape)
    problems += _repeated(events)
    if problems:
        raise EventsInvalid(problems)
    return tuple(events)


def _repeated(events: Sequence[Event]) -> Iterator[EventProblem]:
    """The second event of an id would count as a repetition of the first and be lost."""
    for event_id, times in Counter(event.id for event in events).items():
        if times > 1:
            yield EventProblem(
                event=None,
                field="id",
                reason=f"{times} events of the delivery have the id {event_id!r}",
                remedy="Give every event an id of its own.",
            )


def _causes(invalid: ValidationError) -> list[ErrorDetails]:
    """Without what only follows: a list counts as too short when its one element is refused."""
    errors = invalid.errors(include_url=False, include_input=False, include_context=False)
    inner = {error["loc"][:depth] for error in errors for depth in range(len(error["loc"]))}
    return [e for e in errors if e["type"] != "too_short" or e["loc"] not in inner]


def _problem(index: int, error: ErrorDetails) -> EventProblem:
    """The location without its first part, which is the event's type."""
    location = error["loc"][1:] or ("type",)
    return EventProblem(
        event=index,
        field=".".join(str(part) for part in location),
        reason=error["msg"].removeprefix("Value error, "),
        remedy=_REMEDIES.get(error["type"], "Correct the value."),
    )


def _as_list(document: object) -> list[object]:
    events = document if isinstance(document, list) else [document]
    if not 1 <= len(events) <= EVENTS_PER_DELIVERY_MAX:
        raise _unusable(
            f"the delivery has {len(events)} events",
            f"Send 1 to {EVENTS_PER_DELIVERY_MAX} events in one delivery.",
        )
    return events


def _document(body: bytes) -> object:
    try:
        return parse(body)
    except JsonInvalid as broken:
        raise _unusable(f"the body cannot be read: {broken}", "Send valid JSON.") from None


def _unusable(reason: str, remedy: str) -> EventsInvalid:
    return EventsInvalid([EventProblem(event=None, field="", reason=reason, remedy=remedy)])
