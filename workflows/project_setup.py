"""Client and project in PSA and ERP: forward to the end, or archived when somebody cancels."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.exceptions import is_cancelled_exception

from activities.deals import Systems
from activities.policies import STORE, VENDOR_WRITE
from activities.setup import (
    EngagementActivities,
    ErpSetupActivities,
    PsaSetupActivities,
    SetUp,
)
from canonical.base import Noun
from canonical.ids import EngagementId
from workflows import names
from workflows.steering import Steerable, Steering


class ProjectSetupParams(Noun):
    engagement_id: EngagementId
    headline: str
    systems: Systems


@workflow.defn(name=names.PROJECT_SETUP)
class ProjectSetup(Steerable):
    """Recovers forward: a refused step parks and goes on when it is mended. Only a cancellation of
    this
    workflow undoes it: projects are archived, links stay, and a new attempt adopts what is
    there."""

    @workflow.init
    def __init__(self, params: ProjectSetupParams) -> None:
        self._request = SetUp(engagement_id=params.engagement_id)
        self._psa = names.system_queue(params.systems.psa)
        self._erp = names.system_queue(params.systems.erp)
        self.steer(Steering(), params.headline)

    @workflow.run
    async def run(self, params: ProjectSetupParams) -> None:
        try:
            await self._client_and_project_in_psa()
            await self._client_and_project_in_erp()
            await self._team_and_rates_in_psa()
            await self._open_for_work()
        except BaseException as error:
            if is_cancelled_exception(error):
                await self._archive_what_is_there()
            raise
        await self.write_notes()
        self._at("Done")

    async def _client_and_project_in_psa(self) -> None:
        await self._do("Client in the PSA", self._psa, PsaSetupActivities.ensure_psa_client)
        await self._do("Project in the PSA", self._psa, PsaSetupActivities.ensure_psa_project)

    async def _client_and_project_in_erp(self) -> None:
        await self._do("Client in the ERP", self._erp, ErpSetupActivities.ensure_erp_client)
        await self._do("Project in the ERP", self._erp, ErpSetupActivities.ensure_erp_project)

    async def _team_and_rates_in_psa(self) -> None:
        await self._do("Team and rates in the PSA", self._psa, PsaSetupActivities.ensure_psa_team)

    async def _open_for_work(self) -> None:
        await self.step("Open for work", self._activate)

    async def _archive_what_is_there(self) -> None:
        """Compensation: the steps that ran are archived, those that did not find nothing to do."""
        self._at("Cancelled: archive what was created")
        await self._do("Archive in the ERP", self._erp, ErpSetupActivities.archive_in_erp)
        await self._do("Archive in the PSA", self._psa, PsaSetupActivities.archive_in_psa)
        self._at("Cancelled and archived")

    async def _activate(self) -> None:
        await workflow.execute_activity_method(
            EngagementActivities.activate_engagement,
            self._request,
            summary="Open the engagement for work",
            **STORE,
        )

    async def _do(self, stage: str, queue: str, method: Callable[..., Awaitable[None]]) -> None:
        async def run() -> None:
            await workflow.execute_activity_method(
                method, self._request, task_queue=queue, summary=stage, **VENDOR_WRITE
            )

        await self.step(stage, run)
