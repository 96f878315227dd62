"""An engagement outlives its history: it continues as new and loses nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.books import QUIET, books_of
from tests.e2e.firm import (
    Firm,
    invoice_workflow,
    paid_and_closed,
    running_firm,
    workflow_of,
)
from workers.demo.story import Story
from workflows import names

EVENTS_SUGGESTED = 60
"""The server suggests to continue as new from so many events on: less than one story has."""


@pytest_asyncio.fixture(scope="module")
async def forgetful_firm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Firm]:
    config = {"limit.historyCount.suggestContinueAsNew": EVENTS_SUGGESTED}
    async with running_firm(tmp_path_factory.mktemp("forgetful"), config) as firm:
        yield firm


async def test_an_engagement_continues_as_new_with_an_open_invoice(forgetful_firm: Firm) -> None:
    story = await forgetful_firm.invoiced()
    await story.until_crm_says("Invoiced")
    invoice = await run_of(forgetful_firm, await invoice_workflow(story))
    before = await run_of(forgetful_firm, workflow_of(story))
    await busy_until_continued(forgetful_firm, story, before)
    assert await run_of(forgetful_firm, await invoice_workflow(story)) == invoice
    await paid_and_closed(story)
    assert await books_of(forgetful_firm, story) == QUIET


async def run_of(firm: Firm, workflow: str) -> str:
    """The id of the workflow's newest run."""
    description = await firm.stack.client.get_workflow_handle(workflow).describe()
    return description.run_id


async def busy_until_continued(firm: Firm, story: Story, run: str) -> None:
    """Operators hold and resume, which fills the history, until another run goes on."""

    async def another_run() -> bool | None:
        await firm.order(workflow_of(story), names.HOLD, "credit check")
        await firm.order(workflow_of(story), names.RESUME, "credit is good")
        return await run_of(firm, workflow_of(story)) != run or None

    await story.until(another_run, "the engagement to continue as new")
