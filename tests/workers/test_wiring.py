"""The wiring: what workflows call is served, on the queue where they call it."""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

import workflows
from canonical.errors import SetupInvalid
from canonical.landscape import SystemRole
from runtime.settings import Settings
from workers.wiring import Activities, House, build_workers, open_house
from workflows import names

SYSTEM_OF = {SystemRole.CRM: "salesforce", SystemRole.PSA: "kantata", SystemRole.ERP: "tryton"}


class Call(NamedTuple):
    """One activity as a workflow's source names it."""

    holder: str
    method: str
    on_a_systems_queue: bool


def calls() -> Iterator[Call]:
    """Every `Something.method` that is handed to a call, read from the sources."""
    for file in sorted(Path(workflows.__path__[0]).glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                yield from _named_in(node)


def _named_in(node: ast.Call) -> Iterator[Call]:
    """`_do(stage, queue, method)` of the set-up takes a system's queue as its second argument."""
    helper = isinstance(node.func, ast.Attribute) and node.func.attr == "_do"
    queue = helper or any(each.arg == "task_queue" for each in node.keywords)
    for each in node.args:
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name):
            yield Call(each.value.id, each.attr, queue)


CALLS = sorted({call for call in calls() if call.holder.endswith("Activities")})


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    async with open_house(settings) as house:
        yield house


def served(methods: list[object]) -> dict[str, str]:
    """Activity names with the class that serves each."""
    found = {
        definition.name: type(getattr(method, "__self__")).__name__  # noqa: B009 - a bound method
        for method in methods
        if (definition := activity._Definition.from_callable(method)) is not None  # type: ignore[arg-type]  # bound methods
        and definition.name is not None
    }
    assert len(found) == len(methods), "two activities of one queue have the same name"
    return found


def test_the_sources_name_the_activities_that_they_call() -> None:
    """Else the test below would prove nothing."""
    assert len(CALLS) >= 25
    assert Call("PsaSetupActivities", "ensure_psa_team", True) in CALLS
    assert Call("BillingActivities", "bill_run", False) in CALLS


async def test_every_activity_that_a_workflow_calls_is_served_where_it_is_called(
    house: House,
) -> None:
    activities = Activities(house)
    main = served(list(activities.main()))
    systems: dict[str, str] = {}
    for name in house.ports:
        systems |= served(list(activities.of_system(name)))
    for call in CALLS:
        queue = systems if call.on_a_systems_queue else main
        assert queue.get(call.method) == call.holder, call


async def test_no_activity_is_wired_that_no_workflow_calls(house: House) -> None:
    activities = Activities(house)
    methods = [*activities.main(), *(m for name in house.ports for m in activities.of_system(name))]
    assert set(served(list(methods))) == {call.method for call in CALLS}


@pytest.mark.parametrize("role", SYSTEM_OF, ids=str)
async def test_each_role_is_served_by_its_system_and_by_no_other(
    house: House, role: SystemRole
) -> None:
    serving = {
        name for name, ports in house.ports.items() if getattr(ports, role.value) is not None
    }
    assert serving == {SYSTEM_OF[role]}


async def test_there_is_one_worker_per_queue_with_its_systems_limits(
    house: House, temporal: Client
) -> None:
    workers = {worker.task_queue: worker for worker in build_workers(temporal, house)}
    systems = ("salesforce", "kantata", "tryton")
    assert set(workers) == {names.MAIN_QUEUE, *map(names.system_queue, systems)}
    kantata = workers[names.system_queue("kantata")].config()
    assert kantata["max_task_queue_activities_per_second"] == 200
    assert kantata["max_concurrent_activities"] == 16


def queues(workers: list[Worker]) -> list[str]:
    return [worker.task_queue for worker in workers]


async def test_a_worker_may_serve_one_system_only(house: House, temporal: Client) -> None:
    built = build_workers(temporal, house, main=False, systems=["tryton"])
    assert queues(built) == [names.system_queue("tryton")]


@pytest.mark.parametrize(
    ("system", "reason"),
    [
        ("mavenlink", "no system 'mavenlink'"),
        ("expenses", "sends by itself"),
        ("mail", "nothing is left to serve"),
    ],
)
async def test_a_worker_with_nothing_to_serve_is_refused(
    house: House, temporal: Client, system: str, reason: str
) -> None:
    with pytest.raises(SetupInvalid, match=reason):
        build_workers(temporal, house, main=False, systems=[system])
