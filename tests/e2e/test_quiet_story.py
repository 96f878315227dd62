"""Nothing goes wrong: the closed books say what the script says, in every system."""

from __future__ import annotations

from tests.e2e.books import QUIET, books_of, mails_about, unpaid
from tests.e2e.firm import Firm, paid_and_closed, until_psa_says


async def test_the_closed_books_are_those_of_the_script_in_every_system(firm: Firm) -> None:
    story = await firm.invoiced()
    await story.until_crm_says("Invoiced")
    await until_psa_says(story, "invoiced")
    assert await books_of(firm, story) == unpaid(QUIET)
    await paid_and_closed(story)
    assert await books_of(firm, story) == QUIET
    (invoice,) = await story.overview.invoices(story.engagement_id)
    assert len(mails_about(story, invoice.number)) == 1
