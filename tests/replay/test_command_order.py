"""The order of each workflow's commands is frozen, as text that a reviewer can read.

`make record` writes `command_order.txt` with the histories; a change that is meant shows there, and
needs `workflow.patched` as long as workflows of the old order run.
"""

from __future__ import annotations

from pathlib import Path

from temporalio.activity import _Definition

from tests.replay.command_order import FILE, command_order
from tests.replay.histories_kept import HISTORIES
from tests.workflows.world import World
from workers.histories import commands, read_history


def test_the_order_of_commands_is_the_one_that_was_reviewed() -> None:
    assert FILE.read_text() == command_order(HISTORIES)


def test_every_activity_of_the_product_is_in_some_history() -> None:
    recorded = {line for path in HISTORIES for line in commands(read_history(path))}
    definitions = (_Definition.must_from_callable(each) for each in World(1).activities())
    missing = {f"activity {each.name}" for each in definitions} - recorded
    assert missing == set()


def test_every_long_lived_workflow_is_recorded_across_a_new_run() -> None:
    assert continued() == {"Engagement", "Intake"}


def continued() -> set[str]:
    return {path.parent.name for path in HISTORIES if _ends(path, "continue as new")}


def _ends(path: Path, command: str) -> bool:
    return commands(read_history(path))[-1] == command
