"""What may go wrong with one create in an outside system."""

from __future__ import annotations

from enum import Enum, auto


class Lie(Enum):
    """Used up by creates, in order."""

    NONE = auto()
    LOST_BEFORE_COMMIT = auto()
    LOST_AFTER_COMMIT = auto()
    LATE_COMMIT = auto()
    """The answer is lost, and the document appears only after somebody looked for it once."""
    TWICE = auto()
    NO_CONNECTION = auto()
