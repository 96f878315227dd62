"""Setting up client and project: found or created, linked once, archived on a cancel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from activities.setup import (
    EngagementActivities,
    ErpSetupActivities,
    PsaSetupActivities,
    SetUp,
)
from canonical.errors import RecordExists, RuleViolation, TransitionForbidden
from canonical.ids import ExternalRef
from canonical.landscape import Landscape
from canonical.transitions import EngagementStage
from tests import builders as make
from tests.activities.conftest import NOW, Store, perform
from tests.activities.systems.erp import LyingErp
from tests.activities.systems.psa import FakePsa

REQUEST = SetUp(engagement_id=make.ENGAGEMENT)
PLAN = make.make_agreement().plan
CLIENT = make.make_agreement().client


@pytest.fixture
async def agreed(store: Store) -> Store:
    """The deal is agreed; nothing is set up anywhere."""
    await store.hear_deal()
    await store.agree()
    return store


@pytest.fixture
def in_psa(agreed: Store, psa: FakePsa) -> PsaSetupActivities:
    return PsaSetupActivities(make.PSA, psa, agreed.engagements)


@pytest.fixture
def in_erp(agreed: Store, erp: LyingErp) -> ErpSetupActivities:
    return ErpSetupActivities(make.ERP, erp, agreed.engagements)


@pytest.fixture
def engagement(agreed: Store) -> EngagementActivities:
    return engagement_activities(agreed, make.make_landscape())


def engagement_activities(store: Store, landscape: Landscape) -> EngagementActivities:
    return EngagementActivities(store.engagements, store.books, landscape, lambda: NOW)


async def do(*steps: Callable[[SetUp], Awaitable[None]]) -> None:
    for step in steps:
        await perform(step, REQUEST)


async def test_each_system_gets_client_and_project_and_both_are_linked(
    agreed: Store, in_psa: PsaSetupActivities, in_erp: ErpSetupActivities, psa: FakePsa
) -> None:
    await do(in_psa.ensure_psa_client, in_psa.ensure_psa_project, in_psa.ensure_psa_team)
    await do(in_erp.ensure_erp_client, in_erp.ensure_erp_project)
    for noun in (CLIENT, PLAN):
        for system in (make.PSA, make.ERP):
            reference = await agreed.engagements.reference(noun.id, system)
            assert reference is not None, f"{noun.name} in {system}"
    assert psa.owners[PLAN.code].id == f"c-{CLIENT.code}"


async def test_steps_that_are_repeated_find_what_is_there(
    agreed: Store, in_psa: PsaSetupActivities, psa: FakePsa
) -> None:
    for _ in range(2):
        await do(in_psa.ensure_psa_client, in_psa.ensure_psa_project, in_psa.ensure_psa_team)
    assert set(psa.ensured.values()) == {2}
    links = "SELECT count(*) FROM identity_link WHERE system = 'kantata'"
    assert await agreed.column(links) == [2]


async def test_a_project_waits_for_its_client(in_psa: PsaSetupActivities, psa: FakePsa) -> None:
    with pytest.raises(RuleViolation, match="has no record in kantata yet"):
        await do(in_psa.ensure_psa_project)
    assert psa.ensured.total() == 0


async def test_a_record_that_belongs_to_another_project_is_never_taken_over(
    agreed: Store, in_psa: PsaSetupActivities
) -> None:
    foreign = ExternalRef(system=make.PSA, kind="workspace", id=f"w-{PLAN.code}")
    await agreed.engagements.link("project", "another project", foreign)
    await do(in_psa.ensure_psa_client)
    with pytest.raises(RecordExists):
        await do(in_psa.ensure_psa_project)
    assert await agreed.engagements.reference(PLAN.id, make.PSA) is None


async def test_a_cancel_archives_and_a_new_attempt_adopts_what_is_there(
    agreed: Store,
    in_psa: PsaSetupActivities,
    in_erp: ErpSetupActivities,
    psa: FakePsa,
    erp: LyingErp,
) -> None:
    await do(in_psa.ensure_psa_client, in_psa.ensure_psa_project)
    await do(in_erp.ensure_erp_client, in_erp.ensure_erp_project)
    linked = await agreed.engagements.reference(PLAN.id, make.PSA)
    await do(in_erp.archive_in_erp, in_psa.archive_in_psa)
    assert (psa.archived, erp.archived) == ({linked}, {erp.projects[PLAN.code]})
    await do(in_psa.ensure_psa_project)
    assert psa.archived == set()
    assert await agreed.engagements.reference(PLAN.id, make.PSA) == linked


async def test_a_cancel_before_anything_exists_archives_nothing(
    in_psa: PsaSetupActivities, in_erp: ErpSetupActivities, psa: FakePsa, erp: LyingErp
) -> None:
    await do(in_erp.archive_in_erp, in_psa.archive_in_psa)
    assert (psa.archived, erp.archived) == (set(), set())


async def test_an_engagement_that_opens_is_known_to_its_sources_that_push(
    agreed: Store, engagement: EngagementActivities
) -> None:
    for _ in range(2):
        await do(engagement.activate_engagement)
    reference = await agreed.engagements.reference(PLAN.id, make.EXPENSES)
    assert reference == ExternalRef(system=make.EXPENSES, kind="project", id=PLAN.code)
    found = await agreed.engagements.engagement(make.ENGAGEMENT)
    assert found.stage is EngagementStage.ACTIVE


async def test_a_source_that_serves_another_entity_is_not_linked(agreed: Store) -> None:
    systems = dict(make.make_entity().systems)
    systems = {role: name for role, name in systems.items() if name != make.EXPENSES}
    landscape = make.make_landscape(make.make_entity(systems=systems))
    await do(engagement_activities(agreed, landscape).activate_engagement)
    assert await agreed.engagements.reference(PLAN.id, make.EXPENSES) is None


async def test_what_is_open_is_said_in_words_until_the_engagement_can_close(
    agreed: Store, engagement: EngagementActivities
) -> None:
    await agreed.activate()
    await agreed.work.store_items([make.make_time_entry()])
    still_open = await perform(engagement.open_work, REQUEST)
    assert still_open == ("1 approved entries were not taken by a billing run yet",)
    draft = await agreed.draft_of()
    assert await perform(engagement.open_work, REQUEST) == (f"invoice {draft.key} is draft",)


@pytest.mark.parametrize("end", ["close_engagement", "cancel_engagement"])
async def test_an_engagement_ends_once(
    agreed: Store, engagement: EngagementActivities, end: str
) -> None:
    await do(engagement.activate_engagement)
    await do(getattr(engagement, end))
    await do(getattr(engagement, end))
    assert await agreed.column("SELECT state FROM process") == ["closed"]
    with pytest.raises(TransitionForbidden):
        await do(engagement.activate_engagement)
