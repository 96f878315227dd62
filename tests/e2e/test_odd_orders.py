"""Events that come twice, too early, too late, or about what was billed already."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from tests.e2e.books import CLIENT_CODE, QUIET, books_of, unpaid
from tests.e2e.firm import Firm, until_case, until_psa_says, workflow_of
from tests.e2e.holds import table_held
from workers.demo import script
from workers.demo.story import Story

EXPENSES_NET = Decimal("312.85")
"""The script's expenses alone: 249.90 + 62.95."""


async def test_two_billing_runs_that_race_bill_each_entry_once(firm: Firm) -> None:
    story = await firm.ready_to_bill()
    async with table_held(firm, story, "billing_transaction") as somebody_bills:
        await asyncio.gather(
            story.cut_off(ordered_by="finance"), story.cut_off(ordered_by="schedule")
        )
        await somebody_bills()
        await until_both_bill(firm, story)
    await until_runs_finished(firm, story, 2)
    await story.until_delivered()
    await story.until_crm_says("Invoiced")
    await until_psa_says(story, "invoiced")
    assert await books_of(firm, story) == unpaid(QUIET)


async def until_both_bill(firm: Firm, story: Story) -> None:
    """One run waits for the table that we hold, the other one for the first."""

    async def both_wait() -> bool | None:
        waiting = await firm.count(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return waiting >= 2 or None

    await story.until(both_wait, "two runs to bill at once")


async def until_runs_finished(firm: Firm, story: Story, runs: int) -> None:
    async def finished() -> bool | None:
        query = "SELECT count(*) FROM billing_run WHERE engagement_id = :id AND state = 'finished'"
        return await firm.count(query, id=story.engagement_id) == runs or None

    await story.until(finished, f"{runs} billing runs to finish")


async def test_a_recall_after_billing_is_stored_and_becomes_a_credit_proposal(firm: Firm) -> None:
    story = await firm.invoiced()
    story.recall(script.WORKED[0])
    project = f"kantata/workspace/{await story.psa_project()}"
    await until_case(story, "RecalledAfterBilling", f"credit-proposals/{project}")
    (proposal,) = await firm.rows(
        "SELECT p.state, p.quantity, w.approved, b.recall_pending, b.billed"
        " FROM credit_proposal p JOIN work_item w ON w.id = p.item_id"
        " JOIN work_item_balance b ON b.item_id = w.id WHERE w.project_id = :id",
        id=await story.psa_project(),
    )
    hours = Decimal(script.WORKED[0].minutes) / 60
    assert dict(proposal) == {
        "state": "open",
        "quantity": hours,
        "approved": False,
        "recall_pending": hours,
        "billed": hours,
    }
    (invoice,) = await story.overview.invoices(story.engagement_id)
    assert invoice.gross.amount == script.GROSS, "what was issued stays until it is credited"


async def test_events_of_an_unknown_project_wait_and_are_used_when_it_appears(firm: Firm) -> None:
    story = firm.story()
    seeded = firm.stack.salesforce.seed(script.deal(firm.month, number=firm.next_number()))
    story.opportunity = seeded.opportunity
    code = f"FALK-{seeded.opportunity[-12:].upper()}"
    await story.spend(code)
    await story.cut_off(code)
    await until_waiting(firm, story, code)
    assert await story.engagement_or_none() is None
    firm.stack.salesforce.win(seeded.opportunity)
    await story.until_delivered()
    books = await books_of(firm, story)
    assert (books.erp.documents, books.erp.net) == (("posted",), EXPENSES_NET)
    assert books.ours.transactions == len(script.SPENT)


async def until_waiting(firm: Firm, story: Story, code: str) -> None:
    async def waits() -> bool | None:
        query = "SELECT count(*) FROM business_event WHERE state = 'waiting' AND subject_id = :code"
        return await firm.count(query, code=code) == 1 or None

    await story.until(waits, "the cut-off to wait for its project")


async def test_a_late_event_of_a_closed_engagement_becomes_a_case(firm: Firm) -> None:
    story = await firm.sold()
    await story.close()
    await story.until_closed()
    await story.cut_off()
    case = await until_case(story, "LateEvent", workflow_of(story))
    assert case.subject == f"billing.cutoff of {story.engagement_id}"
    assert (
        await firm.count(
            "SELECT count(*) FROM billing_run WHERE engagement_id = :id", id=story.engagement_id
        )
        == 0
    )


async def test_deals_of_one_client_at_once_find_the_same_client_in_psa_and_erp(firm: Firm) -> None:
    first, second = await asyncio.gather(firm.sold(), firm.sold())
    for story in (first, second):
        books = await books_of(firm, story)
        assert (books.psa.clients, books.erp.clients, books.ours.clients) == (1, 1, 1)
        assert (books.psa.projects, books.erp.projects, books.ours.projects) == (1, 1, 1)
    links = await firm.rows(
        "SELECT l.system, count(*) AS records FROM identity_link l JOIN client c"
        " ON c.id::text = l.noun_id WHERE c.code = :code GROUP BY 1",
        code=CLIENT_CODE,
    )
    assert {row["system"]: row["records"] for row in links} == {
        "salesforce": 1,
        "kantata": 1,
        "tryton": 1,
    }
