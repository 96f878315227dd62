"""An engagement that only remembers what it was told."""

from __future__ import annotations

from temporalio import workflow

from workflows import names
from workflows.engagement import EngagementState


@workflow.defn(name=names.ENGAGEMENT)
class RecordingEngagement:
    """Counts its news until it is told to end."""

    @workflow.init
    def __init__(self, state: EngagementState) -> None:
        self._state = state
        self._news = 0
        self._ended = False

    @workflow.run
    async def run(self, state: EngagementState) -> int:
        await workflow.wait_condition(lambda: self._ended)
        return self._news

    @workflow.signal(name=names.NEWS)
    def on_news(self) -> None:
        self._news += 1

    @workflow.signal
    def end(self) -> None:
        self._ended = True

    @workflow.query
    def news(self) -> int:
        return self._news

    @workflow.query
    def state(self) -> EngagementState:
        return self._state
