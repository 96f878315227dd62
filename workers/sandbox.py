"""The workflow sandbox: which packages pass through, for workers and replays alike."""

from __future__ import annotations

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

PURE = ("canonical", "activities")
"""Packages whose modules hold no state; the linter keeps clocks and chance out of them."""

SHARED = (
    "workflows.names",
    "workflows.orders",
    "workflows.pace",
    "workflows.page",
    "workflows.status",
    "workflows.steering",
    "workflows.tolerance",
)
"""What workflow files share; the files themselves are executed again for every run."""

PURE_LIBRARIES = ("stdnum", "prometheus_client")


def workflow_runner() -> SandboxedWorkflowRunner:
    """The one runner of the product."""
    passed = (*PURE, *SHARED, *PURE_LIBRARIES)
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(*passed)
    )
