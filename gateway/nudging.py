"""Nudges to workflows: "there is news". Nothing is lost with one; the store is the truth.

Only a closed deal may start an engagement, and only once: on an id that has ended,
signal-with-start would begin a second life, so such an id is never used again.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Iterable, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Final

import structlog
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from canonical.case import Case
from canonical.errors import Role
from canonical.ids import EngagementId, case_id
from gateway.loops import Backoff
from gateway.metrics import GatewayMetrics
from store.nudges import Nudge, Nudges
from workflows import names
from workflows.engagement import EngagementState
from workflows.pace import Pace

NUDGES_PER_STEP: Final = 100
RECIPIENTS_AT_ONCE: Final = 10
ABSENT_ATTEMPTS_MAX: Final = 8
"""A workflow that is to receive news may be started a moment later, but not much later."""
RPC_TIMEOUT: Final = timedelta(seconds=10)
STARTING_EVENT: Final = "deal.closed"

log = structlog.get_logger(__name__)


class Told(StrEnum):
    """What became of telling one workflow."""

    DONE = "done"
    ENDED = "ended"
    ABSENT = "absent"
    UNAVAILABLE = "unavailable"


class TemporalUnavailable(Exception):
    """Temporal could not be told; the nudges wait in the store."""


class NudgeRelay:
    """One step tells a batch of workflows, each once, however much news it has."""

    def __init__(
        self,
        nudges: Nudges,
        temporal: Client,
        metrics: GatewayMetrics,
        *,
        pace: Pace | None = None,
        nudges_per_step: int = NUDGES_PER_STEP,
        backoff: Backoff | None = None,
        rpc_timeout: timedelta = RPC_TIMEOUT,
    ) -> None:
        self._rpc_timeout = rpc_timeout
        self._nudges, self._temporal, self._metrics = nudges, temporal, metrics
        self._pace, self._nudges_per_step = pace or Pace(), nudges_per_step
        self._backoff = backoff or Backoff(first_s=1, most_s=30)
        self._slots = asyncio.Semaphore(RECIPIENTS_AT_ONCE)

    async def step(self) -> int:
        """How many nudges were handled. Raises TemporalUnavailable."""
        pending = await self._nudges.pending(self._nudges_per_step)
        by_recipient: defaultdict[str, list[Nudge]] = defaultdict(list)
        for nudge in pending:
            by_recipient[nudge.recipient].append(nudge)
        outage = asyncio.Event()
        told = await _all(self._tell_one(mine, outage) for mine in by_recipient.values())
        if Told.UNAVAILABLE in told:
            raise TemporalUnavailable(f"{told.count(Told.UNAVAILABLE)} workflows were not told")
        return len(pending)

    async def _tell_one(self, nudges: Sequence[Nudge], outage: asyncio.Event) -> Told:
        """The first that finds Temporal away spares the others of the batch their time-outs."""
        async with self._slots:
            told = Told.UNAVAILABLE if outage.is_set() else await self._tell(nudges)
        if told is Told.UNAVAILABLE:
            outage.set()
        if told is Told.DONE:
            await self._nudges.done([nudge.id for nudge in nudges])
        else:
            for nudge in nudges:
                await self._set_aside(nudge, told)
        self._metrics.nudges.labels(told.value).inc(len(nudges))
        return told

    async def _set_aside(self, nudge: Nudge, told: Told) -> None:
        waited = nudge.attempts >= ABSENT_ATTEMPTS_MAX
        if told is Told.ENDED or (told is Told.ABSENT and waited):
            log.warning("nudge.undeliverable", recipient=nudge.recipient, told=told.value)
            await self._nudges.undeliverable(nudge.id, undeliverable_case(nudge, told))
        else:
            await self._nudges.failed(nudge.id, self._backoff.after(nudge.attempts))

    async def _tell(self, nudges: Sequence[Nudge]) -> Told:
        recipient = nudges[0].recipient
        starts = any(nudge.event_type == STARTING_EVENT for nudge in nudges)
        try:
            async with asyncio.timeout(self._rpc_timeout.total_seconds()):
                await (self._start(recipient) if starts else self._signal(recipient))
        except WorkflowAlreadyStartedError:
            return Told.ENDED
        except RPCError as refused:
            if refused.status is RPCStatusCode.NOT_FOUND:
                return await self._why_not_found(recipient)
            log.warning("nudge.failed", recipient=recipient, status=refused.status.name)
            return Told.UNAVAILABLE
        # TimeoutError is an OSError; a client that never connected raises RuntimeError.
        except (RuntimeError, OSError) as unreachable:
            log.warning("nudge.failed", recipient=recipient, reason=repr(unreachable))
            return Told.UNAVAILABLE
        return Told.DONE

    async def _start(self, recipient: str) -> None:
        """Start the engagement with its first signal, or signal the one that runs."""
        engagement = EngagementId(recipient.removeprefix(names.engagement("")))
        await self._temporal.start_workflow(
            names.ENGAGEMENT,
            EngagementState(engagement_id=engagement, pace=self._pace),
            id=recipient,
            task_queue=names.MAIN_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            start_signal=names.NEWS,
            static_summary=f"Engagement {engagement}",
            static_details="From the closed deal to the closed engagement: the deal is validated, "
            "client and project are set up, work is billed at each cut-off.",
            rpc_timeout=self._rpc_timeout,
        )

    async def _signal(self, recipient: str) -> None:
        handle = self._temporal.get_workflow_handle(recipient)
        await handle.signal(names.NEWS, rpc_timeout=self._rpc_timeout)

    async def _why_not_found(self, recipient: str) -> Told:
        """The server says "not found" of workflows that have ended and of those that never were."""
        handle = self._temporal.get_workflow_handle(recipient)
        try:
            async with asyncio.timeout(self._rpc_timeout.total_seconds()):
                known = await handle.describe(rpc_timeout=self._rpc_timeout)
        except RPCError as refused:
            unknown = refused.status is RPCStatusCode.NOT_FOUND
            return Told.ABSENT if unknown else Told.UNAVAILABLE
        except OSError:
            return Told.UNAVAILABLE
        running = known.status is WorkflowExecutionStatus.RUNNING
        return Told.ABSENT if running else Told.ENDED


async def _all(work: Iterable[Coroutine[None, None, Told]]) -> list[Told]:
    """All of them to their end, also when one fails; then the first failure is raised."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if isinstance(result, Told)]


def undeliverable_case(nudge: Nudge, told: Told) -> Case:
    """Somebody must look: the event is stored and unapplied, and nobody is there to apply it."""
    what = "has ended" if told is Told.ENDED else "does not run"
    cause = "WorkflowEnded" if told is Told.ENDED else "WorkflowMissing"
    subject = f"{nudge.event_type} for {nudge.recipient}"
    return Case(
        id=case_id(nudge.recipient, cause, subject),
        process=nudge.recipient,
        cause=cause,
        subject=subject,
        owner=Role.PROJECT_OPERATIONS if told is Told.ENDED else Role.INTEGRATION_SUPPORT,
        message=f"event {nudge.event_id} ({nudge.event_type}) is for {nudge.recipient}, "
        f"which {what}; the event is stored and not applied",
        next_step="Open a new deal for new work, or dismiss the event if it says nothing new."
        if told is Told.ENDED
        else "Start the workflow again from the store; it applies the event by itself.",
    )
