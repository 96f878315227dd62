"""Telling CRM and PSA where billing stands (both hear it, in turn), and an engagement that work
ended."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.deals import Systems
from activities.policies import VENDOR_WRITE
from activities.status import CrmStatusActivities, PsaStatusActivities, TellStatus
from canonical.ids import EngagementId
from workflows import names

GONE = "ExternalWorkflowExecutionNotFound"
"""The error's type when the workflow that is signalled does not run."""


async def tell_everybody(systems: Systems, status: TellStatus) -> None:
    """Show the same stage on the deal and on the project."""
    await tell_crm(systems, status)
    await workflow.execute_activity_method(
        PsaStatusActivities.tell_psa,
        status,
        task_queue=names.system_queue(systems.psa),
        summary=f"Show {status.stage.value} on the project",
        **VENDOR_WRITE,
    )


async def tell_crm(systems: Systems, status: TellStatus) -> None:
    """Show the stage on the deal only: the project may not exist yet, or is no news to the PSA."""
    await workflow.execute_activity_method(
        CrmStatusActivities.tell_crm,
        status,
        task_queue=names.system_queue(systems.crm),
        summary=f"Show {status.stage.value} on the deal",
        **VENDOR_WRITE,
    )


async def tell_engagement(engagement_id: EngagementId) -> None:
    """Nudge the engagement to see what is still open. One that was given up has no use for it."""
    handle = workflow.get_external_workflow_handle(names.engagement(engagement_id))
    try:
        await handle.signal(names.SETTLED)
    except ApplicationError as error:
        if error.type != GONE:
            raise
        workflow.logger.info("nobody to tell: the engagement has ended")
