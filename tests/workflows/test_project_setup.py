"""ProjectSetup: forward to the end whatever is refused on the way; undone only by a
cancellation."""

from __future__ import annotations

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError

from canonical.errors import DataRejected
from tests.workflows.bench import Bench
from workflows import names
from workflows.project_setup import ProjectSetup, ProjectSetupParams

STEPS = [
    "ensure_psa_client",
    "ensure_psa_project",
    "ensure_erp_client",
    "ensure_erp_project",
    "ensure_psa_team",
    "activate_engagement",
]


async def started(bench: Bench, **more: object) -> str:
    params = ProjectSetupParams(
        engagement_id=bench.engagement_id,
        headline="Set-up of FALK-1",
        systems=bench.world.systems,
    )
    handle = await bench.start(
        ProjectSetup.run, params, names.project_setup(bench.engagement_id), **more
    )
    return handle.id


async def test_client_comes_before_project_and_work_is_opened_last(bench: Bench) -> None:
    id = await started(bench)
    await bench.handle(id).result()
    assert bench.world.calls == STEPS


@pytest.mark.parametrize("step", STEPS)
async def test_a_refused_step_parks_and_goes_on_from_there(bench: Bench, step: str) -> None:
    bench.world.refuse[step] = [DataRejected("system", "not like this")]
    id = await started(bench)
    page = await bench.until_page_says(id, "DataRejected")
    assert "not like this" in page
    assert len(bench.world.open_cases()) == 1
    await bench.tell(id, names.RETRY_NOW)
    await bench.handle(id).result()
    assert bench.world.calls == [each for each in STEPS for _ in range(2 if each == step else 1)]
    assert bench.world.open_cases() == []


async def test_a_cancelled_set_up_archives_erp_and_psa_and_ends_as_cancelled(bench: Bench) -> None:
    bench.world.refuse["ensure_psa_team"] = [DataRejected("psa", "unknown person")]
    id = await started(bench)
    await bench.until_page_says(id, "unknown person")
    await bench.handle(id).cancel()
    with pytest.raises(WorkflowFailureError):
        await bench.handle(id).result()
    assert bench.world.calls[-2:] == ["archive_in_erp", "archive_in_psa"]
    assert bench.world.count("activate_engagement") == 0
    assert await bench.status(id) is WorkflowExecutionStatus.CANCELED


async def test_a_refused_archiving_parks_too_so_that_nothing_is_left_half_and_silent(
    bench: Bench,
) -> None:
    bench.world.refuse["ensure_psa_team"] = [DataRejected("psa", "unknown person")]
    bench.world.refuse["archive_in_erp"] = [DataRejected("erp", "has open lines")]
    id = await started(bench)
    await bench.until_page_says(id, "unknown person")
    await bench.handle(id).cancel()
    await bench.until_page_says(id, "has open lines")
    await bench.tell(id, names.RETRY_NOW)
    await bench.until_called("archive_in_psa")
    assert bench.world.count("archive_in_erp") == 2
