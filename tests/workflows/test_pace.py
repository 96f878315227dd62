"""Pace: business durations on the clock of a demo, and on the real one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from workflows.pace import Pace


def test_in_production_a_day_is_a_day() -> None:
    assert Pace().lasting(timedelta(days=3)) == timedelta(days=3)


def test_in_the_demo_a_day_is_a_second() -> None:
    assert Pace(seconds_per_day=1).lasting(timedelta(days=30)) == timedelta(seconds=30)


def test_no_wait_is_so_short_that_it_becomes_a_busy_loop() -> None:
    assert Pace(seconds_per_day=1).lasting(timedelta(hours=1)) == timedelta(seconds=1)


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_day_without_length_is_refused(seconds: float) -> None:
    with pytest.raises(ValidationError):
        Pace(seconds_per_day=seconds)
