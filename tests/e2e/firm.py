"""A firm at work: the local stack, and as many engagements on it as the tests need."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.case import Case
from store.engine import create_engine, transaction
from tests.memory_disk import memory_disk
from workers.demo import script
from workers.demo.story import Story
from workers.local.stack import LocalStack, StackOptions
from workflows import names

POLL_INTERVAL_S = 0.3
PATIENCE_S = 60.0
"""Below the runner's own limit, so that a story that is stuck says where, with the open cases."""


class Firm:
    """The stack with a view of its database; each story is an engagement of its own."""

    def __init__(self, stack: LocalStack, engine: AsyncEngine) -> None:
        self.stack, self.engine = stack, engine
        self.today = datetime.now(UTC).date()
        self._numbers = itertools.count(1)

    @property
    def month(self) -> script.Month:
        return script.Month.before(self.today)

    def next_number(self) -> int:
        """Of a deal: names of deals must differ, the client is the same."""
        return next(self._numbers)

    def story(self) -> Story:
        """Nothing is sold yet; the people are there."""
        story = Story(self.stack, self.engine, self.today)
        story.patience_s = PATIENCE_S
        story.hire()
        return story

    async def sold(self) -> Story:
        """The script's deal, won and set up."""
        story = self.story()
        story.sell(self.next_number())
        await story.until_active()
        return story

    async def ready_to_bill(self) -> Story:
        """All work and expenses of the month are in; only the cut-off is missing."""
        story = await self.sold()
        await story.work()
        story.recall()
        await story.spend()
        return story

    async def invoiced(self) -> Story:
        story = await self.ready_to_bill()
        await story.cut_off()
        await story.until_delivered()
        return story

    async def rows(self, query: str, **values: object) -> Sequence[RowMapping]:
        """What our own database holds."""
        async with transaction(self.engine) as connection:
            return (await connection.execute(text(query), values)).mappings().all()

    async def count(self, query: str, **values: object) -> int:
        (row,) = await self.rows(query, **values)
        return int(next(iter(row.values())) or 0)

    async def page(self, workflow: str) -> str:
        """The status page of a workflow, as people see it."""
        page: str = await self.stack.client.get_workflow_handle(workflow).query("status")
        return page

    async def order(self, workflow: str, signal: str, reason: str) -> None:
        """An operator's order, as plain JSON."""
        handle = self.stack.client.get_workflow_handle(workflow)
        await handle.signal(signal, {"by": "Olga (operations)", "reason": reason})


def workflow_of(story: Story) -> str:
    return names.engagement(story.engagement_id)


async def invoice_workflow(story: Story) -> str:
    (invoice,) = await story.overview.invoices(story.engagement_id)
    return names.invoice_to_cash(invoice.id)


async def until_case(story: Story, cause: str, process: str) -> Case:
    """The open case with this cause of a process."""

    async def found() -> Case | None:
        cases = await story.overview.open_cases()
        fits = (each for each in cases if (each.cause, each.process) == (cause, process))
        return next(fits, None)

    return await story.until(found, f"a case {cause} of {process}")


async def until_page_says(firm: Firm, story: Story, workflow: str, *texts: str) -> None:
    """The status page, which follows the case by a moment."""

    async def says() -> bool | None:
        page = await firm.page(workflow)
        return all(each in page for each in texts) or None

    await story.until(says, f"the page of {workflow} to say {texts}")


async def until_resolved(story: Story, case: Case) -> None:
    async def gone() -> bool | None:
        return case.id not in {each.id for each in await story.overview.open_cases()} or None

    await story.until(gone, f"case {case.cause} to be resolved")


async def until_psa_says(story: Story, status: str) -> None:
    """The status that is shown on the project."""
    project = await story.psa_project()

    async def shown() -> bool | None:
        rows = story.stack.kantata.office.rows("external_references")
        of_project = (row for row in rows if row["subject_id"] == project)
        return any(row["external_status"] == status for row in of_project) or None

    await story.until(shown, f"the PSA to show {status!r}")


async def paid_and_closed(story: Story) -> None:
    """The client pays in two parts, CRM and PSA are told of both, the engagement is closed."""
    await story.pay("BANK-0001", script.FIRST_PAYMENT)
    await story.until_paid(script.FIRST_PAYMENT)
    await story.pay("BANK-0002")
    await story.until_paid(script.GROSS)
    await story.until_crm_says("Paid")
    await story.close()
    await story.until_closed()


@asynccontextmanager
async def running_firm(
    directory: Path, temporal_config: Mapping[str, Any] | None = None
) -> AsyncIterator[Firm]:
    with memory_disk(directory) as fast:
        options = StackOptions(
            directory=fast,
            poll_interval_s=POLL_INTERVAL_S,
            temporal_config=temporal_config or {},
        )
        async with LocalStack(options) as stack:
            engine = create_engine(stack.settings.database_url.get_secret_value())
            try:
                yield Firm(stack, engine)
            finally:
                await engine.dispose()
