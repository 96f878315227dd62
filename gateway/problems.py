"""What a sender that is one of our own engineers is told about events that cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from canonical.base import Noun

PROBLEMS_TOLD_MAX: Final = 50


class EventProblem(Noun):
    """One thing about one event that cannot be used."""

    event: int | None
    """The event's place in the delivery, from 0; None: the delivery as a whole."""
    field: str
    reason: str
    remedy: str


class EventsRefused(Exception):
    """An authentic delivery of which nothing is stored, with every reason."""

    status: ClassVar[int]
    title: ClassVar[str]

    def __init__(self, problems: Sequence[EventProblem]) -> None:
        self.problems = tuple(problems[:PROBLEMS_TOLD_MAX])
        super().__init__(f"{self.title}: {len(problems)} problems")


class EventsInvalid(EventsRefused):
    """What it says cannot be read or cannot be true."""

    status = 422
    title = "The events cannot be used; nothing of the delivery is stored"


class EventsNotAllowed(EventsRefused):
    """It asserts what belongs to another system."""

    status = 403
    title = "The source does not own what it asserts; nothing of the delivery is stored"


class Problem(Noun):
    """A problem document (RFC 9457, `application/problem+json`)."""

    type: str = "about:blank"
    title: str
    status: int
    errors: tuple[EventProblem, ...]
