"""Client and project in PSA and ERP: found or created, linked, and archived on an explicit
cancel."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from temporalio import activity

from canonical.base import Noun
from canonical.client import Client
from canonical.errors import RuleViolation
from canonical.ids import EngagementId, ExternalRef
from canonical.landscape import Landscape
from canonical.ports import Erp, Psa
from canonical.project import ProjectPlan
from canonical.records import BookRecords, EngagementRecords
from canonical.transitions import EngagementStage

CLIENT, PROJECT = "client", "project"


class SetUp(Noun):
    """The engagement whose plan is in the store."""

    engagement_id: EngagementId


class PsaSetupActivities:
    """Runs on the PSA's task queue."""

    def __init__(self, system: str, psa: Psa, records: EngagementRecords) -> None:
        self._system, self._psa, self._records = system, psa, records

    @activity.defn
    async def ensure_psa_client(self, request: SetUp) -> None:
        _, client = await self._records.plan(request.engagement_id)
        reference = await self._psa.ensure_client(client, key=client.code)
        await self._records.link(CLIENT, client.id, reference)

    @activity.defn
    async def ensure_psa_project(self, request: SetUp) -> None:
        plan, client = await self._records.plan(request.engagement_id)
        owner = await linked(self._records, client, self._system)
        reference = await self._psa.ensure_project(plan, owner, key=plan.code)
        await self._records.link(PROJECT, plan.id, reference)

    @activity.defn
    async def ensure_psa_team(self, request: SetUp) -> None:
        plan, _ = await self._records.plan(request.engagement_id)
        project = await linked(self._records, plan, self._system)
        await self._psa.ensure_team(plan, project, key=plan.code)

    @activity.defn
    async def archive_in_psa(self, request: SetUp) -> None:
        """Hide what set-up created; links stay, so that a new attempt adopts it."""
        plan, _ = await self._records.plan(request.engagement_id)
        project = await self._records.reference(plan.id, self._system)
        if project is not None:
            await self._psa.archive_project(project)


class ErpSetupActivities:
    """Runs on the ERP's task queue."""

    def __init__(self, system: str, erp: Erp, records: EngagementRecords) -> None:
        self._system, self._erp, self._records = system, erp, records

    @activity.defn
    async def ensure_erp_client(self, request: SetUp) -> None:
        _, client = await self._records.plan(request.engagement_id)
        reference = await self._erp.ensure_client(client, key=client.code)
        await self._records.link(CLIENT, client.id, reference)

    @activity.defn
    async def ensure_erp_project(self, request: SetUp) -> None:
        plan, client = await self._records.plan(request.engagement_id)
        owner = await linked(self._records, client, self._system)
        reference = await self._erp.ensure_project(plan, owner, key=plan.code)
        await self._records.link(PROJECT, plan.id, reference)

    @activity.defn
    async def archive_in_erp(self, request: SetUp) -> None:
        """Hide the project; a client may serve other engagements, so it stays."""
        plan, _ = await self._records.plan(request.engagement_id)
        project = await self._records.reference(plan.id, self._system)
        if project is not None:
            await self._erp.archive_project(project)


class EngagementActivities:
    """Runs on the main queue: what needs nothing but the store."""

    def __init__(
        self,
        records: EngagementRecords,
        books: BookRecords,
        landscape: Landscape,
        clock: Callable[[], datetime],
    ) -> None:
        self._records, self._books = records, books
        self._landscape, self._clock = landscape, clock

    @activity.defn
    async def activate_engagement(self, request: SetUp) -> None:
        """Open the engagement for work: sources that push name projects by our code."""
        plan, _ = await self._records.plan(request.engagement_id)
        entity = self._landscape.entity(plan.legal_entity)
        for system in self._landscape.systems:
            if system.adapter == "push" and system.name in entity.systems.values():
                reference = ExternalRef(system=system.name, kind=PROJECT, id=plan.code)
                await self._records.link(PROJECT, plan.id, reference)
        await self._records.set_stage(request.engagement_id, EngagementStage.ACTIVE)

    @activity.defn
    async def cancel_engagement(self, request: SetUp) -> None:
        await self._records.set_stage(request.engagement_id, EngagementStage.CANCELLED)

    @activity.defn
    async def open_work(self, request: SetUp) -> tuple[str, ...]:
        """What keeps the engagement from closing, in words."""
        engagement = request.engagement_id
        still_open = await self._records.open_work(engagement)
        return (*still_open, *await self._books.unbilled(engagement, self._clock()))

    @activity.defn
    async def close_engagement(self, request: SetUp) -> None:
        await self._records.set_stage(request.engagement_id, EngagementStage.CLOSED)


async def linked(
    records: EngagementRecords, noun: Client | ProjectPlan, system: str
) -> ExternalRef:
    """The noun's record in a system. Raises RuleViolation when an earlier step did not link it."""
    reference = await records.reference(noun.id, system)
    if reference is None:
        raise RuleViolation(
            f"{noun.name!r} has no record in {system} yet; run the set-up step that creates it"
        )
    return reference
