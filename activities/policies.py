"""Named timeouts and retries for every kind of call; workflows spread them, none is written inline.

Retries have no end on purpose: what time can mend is retried for as long as it takes (a case tells
people after a while), and what time cannot mend is marked non-retryable where it is raised.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Required, TypedDict

from temporalio.common import RetryPolicy


class CallPolicy(TypedDict, total=False):
    """What an activity call takes beside its input and its summary."""

    start_to_close_timeout: Required[timedelta]
    heartbeat_timeout: timedelta
    retry_policy: Required[RetryPolicy]


def _retries(first_s: float, most_s: float) -> RetryPolicy:
    return RetryPolicy(
        initial_interval=timedelta(seconds=first_s),
        backoff_coefficient=2.0,
        maximum_interval=timedelta(seconds=most_s),
    )


KILLED_WORKER_NOTICED = timedelta(seconds=10)
"""Beats come in the background after half of it, so calls of a few seconds cost none."""

VENDOR_DEADLINE_S = 90
"""The longest HTTP deadline of a vendor call; with the settle time below it fits the activity's
own."""

STORE = CallPolicy(
    start_to_close_timeout=timedelta(seconds=30),
    retry_policy=_retries(0.5, 30),
)
"""A short transaction in our own database."""

VENDOR_READ = CallPolicy(
    start_to_close_timeout=timedelta(seconds=VENDOR_DEADLINE_S + 30),
    heartbeat_timeout=KILLED_WORKER_NOTICED,
    retry_policy=_retries(1, 60),
)
"""A few calls that read from an outside system."""

VENDOR_WRITE = CallPolicy(
    start_to_close_timeout=timedelta(seconds=3 * VENDOR_DEADLINE_S),
    heartbeat_timeout=KILLED_WORKER_NOTICED,
    retry_policy=_retries(1, 60),
)
"""Look, write, verify in an outside system; a killed worker is noticed by the missing heartbeat."""

BULK = CallPolicy(
    start_to_close_timeout=timedelta(minutes=30),
    heartbeat_timeout=2 * KILLED_WORKER_NOTICED,
    retry_policy=_retries(1, 60),
)
"""Work that grows with the number of items: reading a source, rating a run."""
