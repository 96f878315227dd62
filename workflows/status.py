"""Telling CRM and PSA where billing stands; both hear it, in turn."""

from __future__ import annotations

from temporalio import workflow

from activities.deals import Systems
from activities.policies import VENDOR_WRITE
from activities.status import CrmStatusActivities, PsaStatusActivities, TellStatus
from workflows import names


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
