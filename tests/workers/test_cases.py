"""The case list on the command line: what is open is shown, and closed only with a name."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.case import Case
from canonical.errors import Role
from canonical.ids import case_id
from store.cases import CaseStore
from store.overview import Overview
from tests.workers.conftest import Shell
from tests.workers.test_operations import rows, run

CASE = Case(
    id=case_id("engagement/crm/1", "LateEvent", "deal 1"),
    process="engagement/crm/1",
    cause="LateEvent",
    subject="deal 1",
    owner=Role.PROJECT_OPERATIONS,
    message="event [x] came late",
    next_step="Open a new deal.",
    opened_at=datetime(2026, 11, 2, 9, tzinfo=UTC),
)


async def test_open_cases_are_listed_for_the_role_that_acts(
    c2c: Shell, engine: AsyncEngine, database_url: str
) -> None:
    c2c.set(database_url=database_url)
    await CaseStore(engine).open_case(CASE)
    code, told = await run(c2c, "cases", "list", "--owner", "project_operations")
    assert code == 0
    assert "1 open cases" in told
    code, told = await run(c2c, "cases", "list", "--owner", "finance")
    assert "0 open cases" in told


async def test_a_case_is_resolved_with_a_name_and_a_reason_that_are_kept(
    c2c: Shell, engine: AsyncEngine, database_url: str
) -> None:
    c2c.set(database_url=database_url)
    await CaseStore(engine).open_case(CASE)
    by = ("--by", "Olga", "--reason", "told sales")
    assert (await run(c2c, "cases", "resolve", CASE.id, *by))[0] == 0
    assert await Overview(engine).open_cases() == []
    assert ("Olga",) in await rows(
        engine, "SELECT actor FROM audit_event WHERE action = 'case.resolved'"
    )


async def test_a_case_that_is_not_open_cannot_be_resolved(
    c2c: Shell, engine: AsyncEngine, database_url: str
) -> None:
    c2c.set(database_url=database_url)
    code, told = await run(c2c, "cases", "resolve", CASE.id, "--by", "Olga", "--reason", "x")
    assert code == 1
    assert "no open case" in told
