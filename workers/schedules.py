"""Declared background work, made true by an idempotent command: intake per system, reconcile per
day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
    WorkflowHandle,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from canonical.landscape import Landscape, LegalEntity, SystemRole
from workers.search_attributes import register_search_attributes
from workers.wiring import House
from workflows import names
from workflows.intake import Feed, Intake, IntakeState
from workflows.reconcile import Reconcile, ReconcileParams

RECONCILE_HOUR = 3
DECLARED = "declared"
"""The memo that keeps, over all runs of an intake, what it was started to do."""
CATCH_UP = timedelta(hours=12)
"""A missed start is made up for within this time; the server's default would be a year."""


async def apply_schedules(temporal: Client, house: House) -> list[str]:
    """Register search attributes, start the intake of every system that is pulled, and set each
    entity's daily reconciliation.

    Repeating it changes nothing but what the landscape changed; returns what it made true, in
    words.
    """
    done = [f"search attribute {name}" for name in await register_search_attributes(temporal)]
    for state in intakes(house):
        await _keep_running(temporal, state)
        feeds = ", ".join(feed.value for feed in state.feeds)
        done.append(f"intake of {state.system} ({feeds}) every {state.interval_s:g} s")
    for entity in house.landscape.entities:
        await _set(temporal, names.reconcile_schedule(entity.code), _daily(entity))
        done.append(f"reconciliation of {entity.code} at {RECONCILE_HOUR}:00 {entity.time_zone}")
    return done


def intakes(house: House) -> list[IntakeState]:
    """One per system that has a feed."""
    states: list[IntakeState] = []
    for name, ports in house.ports.items():
        feeds = (
            *([Feed.DEALS] if ports.crm is not None else []),
            *([Feed.ITEMS] if ports.time is not None and _is_source(house.landscape, name) else []),
            *([Feed.PAYMENTS] if ports.erp is not None else []),
        )
        if feeds:
            interval_s = house.landscape.system(name).poll_interval_s
            states.append(IntakeState(system=name, feeds=feeds, interval_s=interval_s))
    return states


async def _keep_running(temporal: Client, state: IntakeState) -> None:
    """An intake as declared. One that was declared otherwise is replaced: its cursors are in the
    store, so nothing is lost but an operator's hold."""
    handle = await _start_intake(temporal, state, WorkflowIDConflictPolicy.USE_EXISTING)
    if await (await handle.describe()).memo_value(DECLARED, "", type_hint=str) != _declared(state):
        await _start_intake(temporal, state, WorkflowIDConflictPolicy.TERMINATE_EXISTING)


async def _start_intake(
    temporal: Client, state: IntakeState, if_running: WorkflowIDConflictPolicy
) -> WorkflowHandle[Intake, None]:
    return await temporal.start_workflow(
        Intake.run,
        state,
        id=names.intake(state.system),
        task_queue=names.MAIN_QUEUE,
        id_conflict_policy=if_running,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        memo={DECLARED: _declared(state)},
        static_summary=f"Read the change feeds of {state.system}",
    )


def _declared(state: IntakeState) -> str:
    return f"{','.join(state.feeds)} every {state.interval_s:g} s"


def _is_source(landscape: Landscape, system: str) -> bool:
    return any(
        landscape.entities_of(role, system) for role in (SystemRole.TIME, SystemRole.EXPENSES)
    )


def _daily(entity: LegalEntity) -> Schedule:
    return Schedule(
        action=ScheduleActionStartWorkflow(
            Reconcile.run,
            ReconcileParams(
                legal_entity=entity.code,
                erp=entity.system(SystemRole.ERP),
                time_zone=entity.time_zone,
            ),
            id=names.reconcile_schedule(entity.code),
            task_queue=names.MAIN_QUEUE,
        ),
        spec=ScheduleSpec(
            calendars=[ScheduleCalendarSpec(hour=[ScheduleRange(RECONCILE_HOUR)])],
            time_zone_name=entity.time_zone,
        ),
        policy=SchedulePolicy(
            overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP, pause_on_failure=False
        ),
        state=ScheduleState(note=f"Compares the day before of {entity.code} with its ERP."),
    )


async def _set(temporal: Client, schedule_id: str, schedule: Schedule) -> None:
    try:
        await temporal.create_schedule(schedule_id, schedule)
    except ScheduleAlreadyRunningError:
        await temporal.get_schedule_handle(schedule_id).update(_replaced_by(schedule))


def _replaced_by(schedule: Schedule) -> Callable[[ScheduleUpdateInput], ScheduleUpdate]:
    def update(existing: ScheduleUpdateInput) -> ScheduleUpdate:
        schedule.state = existing.description.schedule.state
        return ScheduleUpdate(schedule=schedule)

    return update
