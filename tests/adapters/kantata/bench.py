"""Drives the Kantata adapter through the conformance suite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from adapters.kantata.simulated.faults import DriftKind as Spoil
from adapters.kantata.simulated.faults import FaultKind
from adapters.kantata.simulator import Simulator
from adapters.registry import Ports
from canonical.ids import ExternalRef
from canonical.project import TeamMember
from tests.adapters.conformance.driver import Drift, DriftKind, Driver, Feed, Page, Read, Write
from tests.adapters.kantata.workshop import (
    SEPTEMBER,
    Workshop,
    make_client,
    make_plan,
    make_status,
    open_workshop,
)

ENTRIES = 450
"""More than two of the vendor's largest pages."""


@dataclass(frozen=True)
class SimulatorFaults:
    """The suite's faults, as the simulator knows them."""

    simulator: Simulator

    async def lose_next_write_answer(self) -> None:
        self.simulator.office.plan_fault(FaultKind.DROP, "WRITE")

    async def delay_next_write(self) -> None:
        self.simulator.office.plan_fault(FaultKind.HOLD, "WRITE")

    async def land(self) -> None:
        assert self.simulator.office.land() == 1

    async def busy_once(self, retry_after_s: float) -> None:
        self.simulator.office.plan_fault(FaultKind.BUSY, seconds=retry_after_s)

    async def down_once(self) -> None:
        self.simulator.office.plan_fault(FaultKind.DOWN)

    async def expire_token(self) -> None:
        self.simulator.office.revoke_tokens()

    async def refuse_credentials(self) -> None:
        self.simulator.office.revoke_tokens()

    def logins(self) -> int:
        """Kantata has no login: its token lives until it is revoked."""
        return 0


@dataclass(frozen=True)
class KantataBench:
    """A project with time and expenses to walk over, and room for what writes create."""

    workshop: Workshop
    faults: SimulatorFaults

    @property
    def ports(self) -> Ports:
        return self.workshop.ports

    def referenced(self, service_name: str, subject_type: str) -> list[str]:
        """Subjects that carry a reference of ours, behind the adapter's back."""
        return [
            str(row["subject_id"])
            for row in self.workshop.office.rows("external_references")
            if (row["service_name"], row["subject_type"]) == (service_name, subject_type)
        ]


@asynccontextmanager
async def open_bench(request: pytest.FixtureRequest) -> AsyncIterator[KantataBench]:
    """Looking again after a lost answer is off here: the suite wants to see the doubt itself."""
    async with open_workshop({"settle_looks": 0}) as workshop:
        workshop.office.approve_time(workshop.log(ENTRIES), workshop.approver)
        workshop.office.approve_expenses([workshop.spend()], workshop.approver)
        yield KantataBench(workshop, SimulatorFaults(workshop.simulator))


async def ensure_client(bench: KantataBench) -> ExternalRef:
    return await bench.workshop.psa.ensure_client(make_client(), key="FALK")


async def clients(bench: KantataBench) -> int:
    return len(bench.workshop.office.rows("workspace_groups"))


async def ensure_project(bench: KantataBench, **changes: object) -> ExternalRef:
    client = ExternalRef(system="psa", kind="workspace_group", id="7")
    return await bench.workshop.psa.ensure_project(make_plan(**changes), client, key="FALK-006")


async def projects(bench: KantataBench) -> int:
    ours = bench.referenced("c2c-test", "Workspace")
    rows = bench.workshop.office.rows("workspaces")
    return sum(row["id"] in ours and row["archived"] is False for row in rows)


async def reject_project(bench: KantataBench) -> None:
    strangers = tuple(rate.model_copy(update={"role": "WIZARD"}) for rate in make_plan().rates)
    await ensure_project(bench, rates=strangers)


async def ensure_team(bench: KantataBench) -> None:
    await bench.workshop.psa.ensure_team(make_plan(), bench.workshop.project, key="FALK-006:team")


async def reject_team(bench: KantataBench) -> None:
    team = (TeamMember(name="Nobody", email="nobody@northwind.example", role="SENIOR"),)
    plan = make_plan(team=team)
    await bench.workshop.psa.ensure_team(plan, bench.workshop.project, key="FALK-006:team")


async def participants(bench: KantataBench) -> int:
    return len(bench.workshop.office.rows("participations"))


async def archive(bench: KantataBench) -> None:
    await bench.workshop.psa.archive_project(bench.workshop.project)


async def archived(bench: KantataBench) -> int:
    return sum(row["archived"] is True for row in bench.workshop.office.rows("workspaces"))


async def tell_status(bench: KantataBench) -> None:
    await bench.workshop.psa.tell_status(bench.workshop.project, make_status())


async def statuses(bench: KantataBench) -> int:
    return len(bench.referenced("c2c-test-billing", "Workspace"))


async def changes(bench: KantataBench, cursor: str) -> AsyncIterator[Page]:
    async for page in bench.workshop.time.changes_since(cursor):
        yield [item.external_id for item in page.items], page.cursor


async def listing(bench: KantataBench, cursor: str) -> AsyncIterator[Page]:
    async for items in bench.workshop.time.items_of(bench.workshop.project, *SEPTEMBER):
        yield [item.external_id for item in items], ""


async def log_one_more(bench: KantataBench) -> str:
    return bench.workshop.log()[0]


async def all_ids(bench: KantataBench) -> set[str]:
    office = bench.workshop.office
    return {str(row["id"]) for key in ("time_entries", "expenses") for row in office.rows(key)}


async def read_all(bench: KantataBench) -> None:
    await bench.workshop.listed()


async def read_absent(bench: KantataBench) -> None:
    absent = ExternalRef(system="psa", kind="workspace", id="999999")
    async for _ in bench.workshop.time.items_of(absent, *SEPTEMBER):
        pass


def spoil(
    key: str, field: str, kind: Spoil, value: str | None = None
) -> Callable[[KantataBench], Awaitable[None]]:
    async def apply(bench: KantataBench) -> None:
        bench.workshop.office.drift(key, field, kind, value)

    return apply


DRIVER: Driver[KantataBench] = Driver(
    adapter="kantata",
    open=open_bench,
    renews=False,
    reads=(
        Read("psa.check", lambda bench: bench.workshop.psa.check()),
        Read("time.check", lambda bench: bench.workshop.time.check()),
        Read("time.items_of", lambda bench: bench.workshop.listed(), missing=read_absent),
    ),
    writes=(
        Write("psa.ensure_client", ensure_client, clients),
        Write("psa.ensure_project", ensure_project, projects, rejected=reject_project),
        Write("psa.ensure_team", ensure_team, participants, rejected=reject_team),
        Write("psa.archive_project", archive, archived),
        Write("psa.tell_status", tell_status, statuses),
    ),
    feeds=(
        Feed("time.changes_since", changes, log_one_more, all_ids),
        Feed("time.items_of", listing, log_one_more, all_ids, resumes=False),
    ),
    drifts=(
        Drift(
            DriftKind.MISSING_FIELD,
            spoil("time_entries", "date_performed", Spoil.RENAMED, "performed_on"),
            read_all,
            "time_entries.date_performed",
        ),
        Drift(
            DriftKind.CHANGED_TYPE,
            spoil("time_entries", "time_in_minutes", Spoil.VALUE, "1h30"),
            read_all,
            "time_entries.time_in_minutes",
        ),
        Drift(
            DriftKind.UNKNOWN_VALUE,
            spoil("timesheet_submissions", "status", Spoil.VALUE, "parked"),
            read_all,
            "timesheet_submissions.status",
        ),
    ),
)
