"""Workflow histories as files and as a proof: would the code of today have done the same?

A history is kept as `<directory>/<Workflow>/<outcome>.json` in Temporal's own JSON, without what
differs from one recording to the next or tells of the machine: identities, ids of runs, times.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from pydantic import JsonValue, TypeAdapter
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.worker import Replayer

from canonical.errors import SetupInvalid
from workers.sandbox import workflow_runner
from workflows.registry import WORKFLOWS
from workflows.tolerance import SignalTolerance

FILE_BYTES_MAX = 64 * 1024 * 1024
"""Above what a server keeps of one run (50 MB)."""

_FIRST_EVENT = datetime(2026, 1, 1, tzinfo=UTC)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z")
_MACHINE = {
    "identity": "worker",
    "stackTrace": "",
    "buildId": "",
    "binaryChecksum": "",
    "historySizeBytes": "0",
}
"""Fields that tell of a machine or differ each time, and what they become."""
_DOCUMENT = TypeAdapter(dict[str, JsonValue])


@dataclass(frozen=True)
class Replayed:
    """One history that was replayed; `problem` is empty when the code still does the same."""

    name: str
    problem: str


def replayer(converter: DataConverter) -> Replayer:
    """As the workers run workflows: the same sandbox, data converter and interceptors."""
    return Replayer(
        workflows=WORKFLOWS,
        data_converter=converter,
        workflow_runner=workflow_runner(),
        interceptors=[SignalTolerance()],
    )


async def replay(histories: Replayer, name: str, history: WorkflowHistory) -> Replayed:
    """Run a history through today's code."""
    result = await histories.replay_workflow(history, raise_on_replay_failure=False)
    failure = result.replay_failure
    return Replayed(name, "" if failure is None else f"{type(failure).__name__}: {failure}")


# -- files ----------------------------------------------------------------------------------------


def history_files(directory: Path) -> list[Path]:
    """All histories below a directory, by name, or the one file that is named. Raises SetupInvalid
    when there is none."""
    if directory.is_file():
        return [directory]
    found = sorted(directory.glob("**/*.json"))
    if not found:
        raise SetupInvalid(f"there is no history (a .json file) below {directory}")
    return found


def read_history(path: Path) -> WorkflowHistory:
    """A history as we or Temporal's UI and CLI wrote it. Raises SetupInvalid."""
    if path.stat().st_size > FILE_BYTES_MAX:
        raise SetupInvalid(f"{path} is larger than {FILE_BYTES_MAX} bytes; that is no history")
    try:
        return WorkflowHistory.from_json(f"replay/{path.stem}", path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SetupInvalid(f"{path} is no workflow history: {error}") from error


def write_history(directory: Path, workflow: str, outcome: str, history: WorkflowHistory) -> Path:
    """Keep a history for replays; what was there under this name is replaced."""
    path = directory / workflow / f"{outcome}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(normalised(history.to_json()) + "\n", encoding="utf-8")
    return path


def normalised(text: str) -> str:
    """The history without machine, run ids and times; payloads stay as they are."""
    document = _DOCUMENT.validate_json(text)
    events = document["events"]
    if not isinstance(events, list):
        raise SetupInvalid("a history without events")
    document["events"] = [_plain(event, _moment(number)) for number, event in enumerate(events)]
    runs: dict[str, str] = {}

    def numbered(found: re.Match[str]) -> str:
        return runs.setdefault(found[0], str(UUID(int=len(runs) + 1)))

    return _UUID.sub(numbered, json.dumps(document, indent=1, sort_keys=True))


def _moment(number: int) -> str:
    return f"{_FIRST_EVENT + timedelta(seconds=number):%Y-%m-%dT%H:%M:%SZ}"


def _plain(value: JsonValue, moment: str) -> JsonValue:
    if isinstance(value, list):
        return [_plain(each, moment) for each in value]
    if isinstance(value, dict):
        sticky = value.get("kind") == "TASK_QUEUE_KIND_STICKY"
        kept = {**value, "name": "sticky"} if sticky else value
        return {
            key: _MACHINE.get(key, _plain(each, moment))
            for key, each in kept.items()
            if key != "taskId"
        }
    return moment if isinstance(value, str) and _MOMENT.fullmatch(value) else value


# -- running workflows ----------------------------------------------------------------------------


async def running(client: Client, per_type: int) -> AsyncIterator[tuple[str, WorkflowHistory]]:
    """Up to so many running workflows of each type: their ids and histories so far."""
    for workflow_type in sorted(await _types_running(client)):
        query = f"WorkflowType = '{workflow_type}' AND ExecutionStatus = 'Running'"
        async for each in client.list_workflows(query, limit=per_type):
            handle = client.get_workflow_handle(each.id, run_id=each.run_id)
            yield each.id, await handle.fetch_history()


async def _types_running(client: Client) -> set[str]:
    """Also types that today's code does not know: those must not be forgotten in a deploy."""
    known = {workflow.__temporal_workflow_definition.name for workflow in WORKFLOWS}
    query = "ExecutionStatus = 'Running'"
    for name in known:
        query += f" AND WorkflowType != '{name}'"
    strangers: set[str] = set()
    async for each in client.list_workflows(query, limit=1_000):
        if each.status is WorkflowExecutionStatus.RUNNING:
            strangers.add(each.workflow_type)
    return known | strangers


# -- commands -------------------------------------------------------------------------------------


def commands(history: WorkflowHistory) -> list[str]:
    """What the workflow told the server to do, in order, one line each."""
    return [line for line in map(_command, history.events) if line]


def _command(event: HistoryEvent) -> str:
    match event.event_type:
        case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            return f"activity {event.activity_task_scheduled_event_attributes.activity_type.name}"
        case EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
            child = event.start_child_workflow_execution_initiated_event_attributes
            return f"child {child.workflow_type.name}"
        case EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
            signal = event.signal_external_workflow_execution_initiated_event_attributes
            return f"signal {signal.signal_name}"
        case EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
            upsert = event.upsert_workflow_search_attributes_event_attributes
            return f"attributes {' '.join(sorted(upsert.search_attributes.indexed_fields))}"
        case EventType.EVENT_TYPE_TIMER_STARTED:
            after = event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta()
            return f"timer {after.total_seconds():g} s"
        case _:
            return _PLAIN_COMMANDS.get(event.event_type, "")


_PLAIN_COMMANDS: dict[int, str] = {
    EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED: "cancel activity",
    EventType.EVENT_TYPE_TIMER_CANCELED: "cancel timer",
    EventType.EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: "cancel workflow",
    EventType.EVENT_TYPE_MARKER_RECORDED: "marker",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: "complete",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: "fail",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: "end as cancelled",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: "continue as new",
}
