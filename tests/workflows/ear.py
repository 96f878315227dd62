"""A stand-in for an engagement: a workflow that only counts what its invoices tell it."""

from __future__ import annotations

from temporalio import workflow

from workflows import names


@workflow.defn(name="Ear")
class Ear:
    """Ends when it was told often enough."""

    def __init__(self) -> None:
        self._heard = 0

    @workflow.run
    async def run(self, wanted: int) -> int:
        await workflow.wait_condition(lambda: self._heard >= wanted)
        return self._heard

    @workflow.signal(name=names.SETTLED)
    def on_settled(self) -> None:
        self._heard += 1
