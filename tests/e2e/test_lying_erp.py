"""The ERP does the work and does not say so, or says that it failed, or does it when nobody waits
any more: there is one posted invoice all the same."""

from __future__ import annotations

import asyncio

import httpx
from pydantic import BaseModel

from adapters.tryton.simulator import Fault, FaultKind
from tests.e2e.books import QUIET, books_of, unpaid
from tests.e2e.firm import Firm, until_psa_says
from workers.demo.story import Story
from workers.local.landscape import ENTITY, ERP
from workflows import names
from workflows.reconcile import ReconcileParams

CREATE, POST = "model.account.invoice.create", "model.account.invoice.post"

LIES = (
    Fault(kind=FaultKind.LOSE_ANSWER),
    Fault(kind=FaultKind.COMMIT_LATE, delay_s=1),
    Fault(kind=FaultKind.ANSWER_AFTER, status=500),
)
"""Each is told once; all have done the work in the end."""


class Armed(BaseModel):
    """What the proxy answers about its faults."""

    faults: list[Fault]


async def lies_left(firm: Firm) -> int:
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"{firm.stack.erp.proxy.url}/_faults")
    return len(Armed.model_validate_json(answer.content).faults)


async def billed(story: Story) -> None:
    await story.cut_off()
    await story.until_delivered()
    await story.until_crm_says("Invoiced")
    await until_psa_says(story, "invoiced")


async def test_lies_about_creates_and_posts_end_in_one_posted_invoice_each(firm: Firm) -> None:
    stories = await asyncio.gather(*(firm.ready_to_bill() for _ in LIES))
    proxy = firm.stack.erp.proxy
    before = proxy.calls[CREATE]
    for lie in LIES:
        proxy.inject(lie.model_copy(update={"method": CREATE}))
        proxy.inject(lie.model_copy(update={"method": POST}))
    await asyncio.gather(*(billed(story) for story in stories))
    assert await lies_left(firm) == 0
    assert proxy.calls[CREATE] - before == len(LIES), "a create is never repeated blindly"
    for story in stories:
        assert await books_of(firm, story) == unpaid(QUIET)


async def test_a_draft_that_lands_after_we_looked_for_it_is_removed_later(firm: Firm) -> None:
    story = await firm.ready_to_bill()
    proxy = firm.stack.erp.proxy
    proxy.inject(Fault(kind=FaultKind.COMMIT_LATE, method=CREATE, delay_s=600))
    await billed(story)
    await proxy.land()
    books = await books_of(firm, story)
    assert sorted(books.erp.documents) == ["draft", "posted"]
    await reconcile(firm, story)
    assert await books_of(firm, story) == unpaid(QUIET)


async def reconcile(firm: Firm, story: Story) -> None:
    """As its schedule does every night, for the day of the invoice."""
    (row,) = await firm.rows(
        "SELECT invoice_date FROM invoice WHERE engagement_id = :id", id=story.engagement_id
    )
    day = row["invoice_date"]
    await firm.stack.client.execute_workflow(
        names.RECONCILE,
        ReconcileParams(legal_entity=ENTITY, erp=ERP, time_zone="Europe/Berlin", day=day),
        id=names.reconcile(ENTITY, day),
        task_queue=names.MAIN_QUEUE,
    )
