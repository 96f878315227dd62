"""Every recorded history replays on today's code, and a history of other code does not."""

from __future__ import annotations

import re
import socket
from base64 import b64decode
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from canonical.errors import SetupInvalid
from runtime.temporal import data_converter
from tests.replay.histories_kept import DIRECTORY, HISTORIES, name_of
from workers.histories import (
    KNOWN,
    history_files,
    normalised,
    read_history,
    replay,
    replayer,
)
from workflows import names

MUST_BE_THERE = [
    "Engagement/closed",
    "Engagement/parked_and_corrected",
    "Engagement/cancelled",
    "Engagement/continued_as_new",
    "ProjectSetup/done",
    "ProjectSetup/parked_and_resumed",
    "ProjectSetup/cancelled_and_archived",
    "BillingCycle/done",
    "BillingCycle/parked_and_resumed",
    "InvoiceToCash/paid",
    "InvoiceToCash/parked_resumed_and_closed",
    "Intake/parked_nudged_and_closed",
    "Intake/continued_as_new",
    "Reconcile/done",
    "Reconcile/parked_and_resumed",
    "RevenueClose/posted",
    "RevenueClose/nothing_left",
    "RevenueClose/parked_and_resumed",
    "RevenueClose/differs_and_closed",
]
"""Each workflow, in each way that it has of going on or ending."""


@pytest.fixture(scope="module")
def today() -> Replayer:
    return replayer(data_converter())


@pytest.mark.parametrize("path", HISTORIES, ids=name_of)
async def test_the_code_still_does_what_it_did(today: Replayer, path: Path) -> None:
    assert (await replay(today, name_of(path), read_history(path))).problem == ""


@pytest.mark.parametrize("name", MUST_BE_THERE)
def test_every_outcome_has_a_history(name: str) -> None:
    assert name in {name_of(path) for path in HISTORIES}


def test_every_workflow_of_the_product_has_a_history() -> None:
    assert {path.parent.name for path in HISTORIES} == KNOWN


async def test_a_history_of_other_code_is_refused(today: Replayer) -> None:
    """As if the code had read the deal before, where it now takes the news."""
    path = DIRECTORY / names.ENGAGEMENT / "closed.json"
    other = path.read_text().replace('"name": "take_news"', '"name": "review_deal"', 1)
    replayed = await replay(today, "other", WorkflowHistory.from_json("other", other))
    assert "NondeterminismError" in replayed.problem


@pytest.mark.parametrize("path", HISTORIES, ids=name_of)
def test_no_history_tells_of_the_machine_it_was_recorded_on(path: Path) -> None:
    text = path.read_text()
    payloads = [b64decode(found).decode() for found in re.findall(r'"data": "([^"]*)"', text)]
    for told in (text, *payloads):
        assert socket.gethostname() not in told
        assert not re.search(r"/(home|root|Users|tmp|work)/", told)


def test_recording_again_changes_nothing_in_a_history_that_is_kept() -> None:
    text = (DIRECTORY / names.RECONCILE / "done.json").read_text().strip()
    assert normalised(text) == text


def test_what_is_no_history_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "note.json").write_text("not a history")
    with pytest.raises(SetupInvalid, match=r"note\.json is no workflow history"):
        read_history(tmp_path / "note.json")


def test_a_folder_without_histories_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupInvalid, match="there is no history"):
        history_files(tmp_path)
