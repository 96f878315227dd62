"""The workflow sandbox: which packages pass through, for workers and replays alike."""

from __future__ import annotations

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

PASSED_THROUGH = ("canonical", "activities", "workflows.names", "stdnum", "prometheus_client")


def workflow_runner() -> SandboxedWorkflowRunner:
    """Pure and checked packages are shared, workflow files are executed again for every run."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    return SandboxedWorkflowRunner(restrictions=restrictions)
