"""Signals of people that have more inputs than a handler takes are refused, not a blocked workflow.

The SDK calls a handler with as many arguments as the signal has; one too many is an exception in
the
workflow's task, which is retried for ever. This interceptor turns them into one input that no order
matches, so that the handler refuses it visibly.
"""

from __future__ import annotations

from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.worker import (
    HandleSignalInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from workflows import names

SEVERAL = RawValue(
    Payload(metadata={"encoding": b"json/plain"}, data=b'"several inputs instead of one"')
)


class SignalTolerance(Interceptor):
    """Installed on every worker and replayer."""

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor]:
        return _OneInput


class _OneInput(WorkflowInboundInterceptor):
    async def handle_signal(self, input: HandleSignalInput) -> None:
        if input.signal in names.PEOPLES_SIGNALS and len(input.args) > 1:
            input.args = [SEVERAL]
        await super().handle_signal(input)
