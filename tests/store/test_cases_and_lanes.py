"""Cases count what happens again; leases end; readiness tells an outdated schema."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.case import Case
from canonical.errors import Role, SystemUnavailable
from canonical.ids import CaseId, case_id
from runtime.local.postgres import EmbeddedPostgres
from store.engine import create_engine, transaction
from store.health import SchemaOutdated, check
from store.lanes import LeaseLanes
from tests import builders as make
from tests.store.conftest import Store

PROCESS = f"engagement/{make.ENGAGEMENT}"


def rate_missing(message: str = "no rate for Architect") -> Case:
    return Case(
        id=case_id(PROCESS, "RateMissing", "line time"),
        process=PROCESS,
        cause="RateMissing",
        subject="line time",
        owner=Role.FINANCE,
        message=message,
        next_step="Add the rate.",
        legal_entity=make.ENTITY,
        amount=make.euro("960.00"),
    )


async def actions(store: Store) -> list[object]:
    return await store.column("SELECT action FROM audit_event ORDER BY id")


async def test_a_case_that_happens_again_is_counted_and_not_doubled(store: Store) -> None:
    await store.cases.open_case(rate_missing())
    await store.cases.open_case(rate_missing("no rate for Analyst"))
    assert await store.column("SELECT occurrences FROM exception_case") == [2]
    assert await store.column("SELECT message FROM exception_case") == ["no rate for Analyst"]
    assert await store.column("SELECT amount FROM exception_case") == [make.euro("960.00").amount]
    assert await actions(store) == ["case.opened"]


async def test_a_case_is_resolved_once(store: Store) -> None:
    case = rate_missing()
    await store.cases.open_case(case)
    assert await store.cases.resolve_case(case.id, "rate added")
    assert not await store.cases.resolve_case(case.id, "rate added")
    assert await actions(store) == ["case.opened", "case.resolved"]


async def test_a_resolved_case_that_comes_back_is_open_again(store: Store) -> None:
    case = rate_missing()
    await store.cases.open_case(case)
    await store.cases.resolve_case(case.id, "rate added")
    await store.cases.open_case(case)
    assert await store.column("SELECT state FROM exception_case") == ["open"]
    assert await actions(store) == ["case.opened", "case.resolved", "case.opened"]


async def test_a_case_that_nobody_opened_cannot_be_resolved(store: Store) -> None:
    unknown = CaseId(case_id(PROCESS, "Nothing", "at all"))
    assert not await store.cases.resolve_case(unknown, "done")


async def test_the_trail_keeps_who_did_what(store: Store) -> None:
    await store.cases.audit(PROCESS, "order.hold", "Ada", {"detail": "credit check"})
    assert await store.column("SELECT actor FROM audit_event") == ["Ada"]
    assert await store.column("SELECT detail ->> 'detail' FROM audit_event") == ["credit check"]


# -- lanes -----------------------------------------------------------------------------------------


@pytest.fixture
def lanes(engine: AsyncEngine) -> LeaseLanes:
    return LeaseLanes(engine)


async def expire(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE lease SET expires_at = now()"))


async def test_a_lane_has_as_many_holders_as_slots(lanes: LeaseLanes) -> None:
    fences = [await lanes.acquire("erp", who, slots=2, ttl_s=60) for who in "abc"]
    assert [fence is not None for fence in fences] == [True, True, False]
    await lanes.release("erp", "a")
    assert await lanes.acquire("erp", "c", slots=2, ttl_s=60) is not None


async def test_holders_that_come_at_once_do_not_share_a_slot(lanes: LeaseLanes) -> None:
    fences = await asyncio.gather(
        *(lanes.acquire("erp", who, slots=1, ttl_s=60) for who in "abcdef")
    )
    assert len([fence for fence in fences if fence is not None]) == 1


async def test_a_holder_that_asks_again_keeps_its_number(lanes: LeaseLanes) -> None:
    first = await lanes.acquire("erp", "a", slots=1, ttl_s=60)
    assert await lanes.acquire("erp", "a", slots=1, ttl_s=60) == first
    assert await lanes.acquire("erp", "b", slots=1, ttl_s=60) is None
    assert await lanes.acquire("psa", "b", slots=1, ttl_s=60) is not None


async def test_an_expired_lease_is_free_and_its_number_fenced_off(
    lanes: LeaseLanes, engine: AsyncEngine
) -> None:
    old = await lanes.acquire("erp", "a", slots=1, ttl_s=60)
    assert old is not None
    await expire(engine)
    assert not await lanes.holds("erp", "a", old)
    new = await lanes.acquire("erp", "b", slots=1, ttl_s=60)
    assert new is not None
    assert new > old
    assert await lanes.acquire("erp", "a", slots=1, ttl_s=60) is None


async def test_a_holder_that_comes_back_after_its_lease_ended_gets_a_greater_number(
    lanes: LeaseLanes, engine: AsyncEngine
) -> None:
    old = await lanes.acquire("erp", "a", slots=1, ttl_s=60)
    await expire(engine)
    new = await lanes.acquire("erp", "a", slots=1, ttl_s=60)
    assert old is not None
    assert new is not None
    assert new > old
    assert await lanes.holds("erp", "a", new)


# -- readiness -------------------------------------------------------------------------------------


async def test_a_migrated_database_is_ready(engine: AsyncEngine) -> None:
    await check(engine)


async def test_an_empty_database_is_said_to_need_an_upgrade(
    postgres_cluster: EmbeddedPostgres,
) -> None:
    await postgres_cluster.create_database("never_migrated")
    engine = create_engine(postgres_cluster.sqlalchemy_url("never_migrated"))
    with pytest.raises(SchemaOutdated, match="schema is empty"):
        await check(engine)
    await engine.dispose()
    await postgres_cluster.drop_database("never_migrated")


async def test_a_database_that_does_not_answer_is_unavailable_and_not_a_bug() -> None:
    engine = create_engine("postgresql+asyncpg://nobody@/none?host=/nonexistent")
    with pytest.raises(SystemUnavailable, match="does not answer"):
        await check(engine)
    await engine.dispose()


async def test_a_transaction_whose_connection_is_cut_asks_for_a_retry(
    store: Store, engine: AsyncEngine
) -> None:
    cut = text("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(SystemUnavailable, match="transaction was lost"):
        async with transaction(engine) as connection:
            await connection.execute(cut)
    await store.hear_deal()
