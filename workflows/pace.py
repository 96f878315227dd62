"""Business durations times a scale: the demo compresses a day to a second, production does not."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from canonical.base import Noun

SECONDS_PER_DAY = 86_400.0


class Pace(Noun):
    """How long a business day lasts for timers. Business DATES never come from it."""

    seconds_per_day: float = Field(default=SECONDS_PER_DAY, gt=0)

    def lasting(self, real: timedelta) -> timedelta:
        """A business duration on this pace's clock; never below a second."""
        return max(real * (self.seconds_per_day / SECONDS_PER_DAY), timedelta(seconds=1))
