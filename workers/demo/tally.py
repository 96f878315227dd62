"""What a story cost: Temporal actions by the server's own counter, vendor calls by the adapters'
side."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

from canonical.ids import EngagementId
from workers.local.stack import LocalStack

COUNTER_LAG_S = 2.0
"""The server reports its counter a second or so late."""


@dataclass(frozen=True)
class Tally:
    """Counted on the servers' sides: Temporal's billing counter, and requests that systems
    received."""

    actions: int
    """Everything since the start, background polling included."""
    polls: int
    """Of those, pulls of change feeds (each costs an activity and a timer)."""
    calls: dict[str, int]

    def actions_in_words(self) -> str:
        return f"{self.actions} (of which {self.polls} by polling the change feeds)"

    def calls_in_words(self) -> str:
        return ", ".join(f"{system} {count}" for system, count in sorted(self.calls.items()))


async def tally(stack: LocalStack, engagement: EngagementId) -> Tally:
    """Read the counters once Temporal's has caught up (polling goes on, so it never stands
    still)."""
    await asyncio.sleep(COUNTER_LAG_S)
    polls = await _polling_actions(stack)
    actions = await stack.temporal.actions()
    return Tally(actions=actions, polls=polls, calls=stack.vendor_calls())


async def _polling_actions(stack: LocalStack) -> int:
    """Activities and timers of the intakes, counted in their histories."""
    counted = Counter[str]()
    async for workflow in stack.client.list_workflows("WorkflowType = 'Intake'"):
        handle = stack.client.get_workflow_handle(workflow.id, run_id=workflow.run_id)
        async for event in handle.fetch_history_events():
            if event.HasField("activity_task_scheduled_event_attributes"):
                counted["activity"] += 1
            elif event.HasField("timer_started_event_attributes"):
                counted["timer"] += 1
    return counted.total()
